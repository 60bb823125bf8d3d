"""A glance at many cameras at once: counters and last pose message of each, in one round trip."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ghostpose.bus.connection import counters_from
from ghostpose.codec.entries import StreamEntry
from ghostpose.codec.poses import decode_pose
from ghostpose.errors import DecodeError
from ghostpose.server import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ghostpose.bus.connection import Bus, CameraCounters
    from ghostpose.types import PoseMessage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LastPose:
    """A camera's newest pose message. Times are the server's clock, Unix ms."""

    committed_ms: int
    published_ms: int
    message: PoseMessage


@dataclass(frozen=True, slots=True)
class Glance:
    """What became of a camera's frames until now. `last` is None if it has no pose message."""

    counters: CameraCounters
    last: LastPose | None


def read_glances(bus: Bus, cameras: Sequence[str]) -> Mapping[str, Glance]:
    """Return what became of these cameras' frames until now.

    Raises:
        BusUnavailableError: the server doesn't answer.
    """
    with translated(bus.address), bus.client.pipeline(transaction=False) as batch:
        for camera in cameras:
            batch.hgetall(bus.keys.camera(camera))
            batch.xrevrange(bus.keys.poses(camera), count=1)
        replies: list[Any] = batch.execute()
    return {
        camera: Glance(counters_from(replies[2 * number]), _last(camera, replies[2 * number + 1]))
        for number, camera in enumerate(cameras)
    }


def _last(camera: str, entries: Any) -> LastPose | None:
    for entry_id, fields in entries:
        entry = StreamEntry(entry_id.decode(), fields)
        published = fields.get(b"p", b"")
        try:
            message = decode_pose(fields.get(b"d", b""))
        except DecodeError as error:
            _log.warning("entry %s of %s is passed over: %s", entry.id, camera, error)
            return None
        is_time = published.isdigit() and len(published) <= 16
        return LastPose(entry.at_ms, int(published) if is_time else entry.at_ms, message)
    return None
