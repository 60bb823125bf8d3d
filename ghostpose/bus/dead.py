"""Giving entries up: to the partition's dead letters, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghostpose.bus.retention import DEAD_KEPT, DEAD_PAYLOAD_BYTES
from ghostpose.bus.steps import Step
from ghostpose.codec.messages import encode_gap_header

if TYPE_CHECKING:
    from ghostpose.bus.connection import Bus
    from ghostpose.bus.steps import Argument
    from ghostpose.types import FrameId, SkipReason

MAX_DETAIL_CHARS = 500
"""What is kept of the sentence that says why."""


def bury(
    bus: Bus,
    partition: int,
    *,
    source: str,
    group: str,
    entry_id: str,
    frame_id: FrameId | None,
    reason: SkipReason,
    detail: str,
) -> bool:
    """Move an entry of `source` to the dead letters; False: it was gone already.

    With a `frame_id`, a tombstone takes the frame's place in the order of commits.
    """
    tombstone: tuple[Argument, ...] = ("", "", "", "", "")
    if frame_id is not None:
        tombstone = (
            frame_id.camera,
            frame_id.session,
            frame_id.seq,
            frame_id.ticket,
            encode_gap_header(reason),
        )
    keys = (source, bus.keys.maps(partition), bus.keys.dead(partition))
    kept = (reason, short_detail(detail), DEAD_PAYLOAD_BYTES, DEAD_KEPT)
    return bool(bus.run(Step.BURY, keys, (group, entry_id, *kept, *tombstone)))


def short_detail(detail: str) -> str:
    """Return what is kept of a sentence: on one line, and never empty."""
    return " ".join(detail.encode("utf-8", "replace").decode().split())[:MAX_DETAIL_CHARS] or "-"
