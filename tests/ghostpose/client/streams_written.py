"""Streams written by hand, as post-processing leaves them: quicker than playing all roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import samples

from ghostpose.client import EventRecord, PoseRecord
from ghostpose.codec.poses import encode_event, encode_pose
from ghostpose.types import EventMessage, FrameId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghostpose.bus import Bus
    from ghostpose.client import Record


def add_camera(bus: Bus, name: str) -> None:
    bus.register_camera(name, policy="latest", credit=4)


def add_poses(bus: Bus, camera: str, seqs: Iterable[int]) -> None:
    for seq in seqs:
        fields = {"d": encode_pose(samples.pose(FrameId(camera, 7, seq, seq + 1))), "p": "1"}
        bus.client.xadd(bus.keys.poses(camera), fields)


def add_event(bus: Bus, event: EventMessage) -> None:
    bus.client.xadd(bus.keys.events(event.camera), {"d": encode_event(event)})


def story(records: Iterable[Record]) -> list[str]:
    """Return what happened, one word a record."""
    return [f"pose {r.message.seq}" if isinstance(r, PoseRecord) else _word(r) for r in records]


def _word(record: EventRecord) -> str:
    return record.message.kind
