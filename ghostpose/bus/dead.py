"""Giving entries up: to the partition's dead letters, with the reason."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ghostpose.bus.retention import DEAD_NAMES_BYTES, DEAD_PAYLOAD_BYTES
from ghostpose.bus.steps import Step
from ghostpose.codec.entries import from_read
from ghostpose.codec.messages import encode_gap_header
from ghostpose.server import translated

if TYPE_CHECKING:
    from ghostpose.bus.connection import Bus
    from ghostpose.bus.steps import Argument
    from ghostpose.types import FrameId, SkipReason

_log = logging.getLogger(__name__)

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
    keep_payload: bool,
) -> bool:
    """Move an entry of `source` to the dead letters; False: it was gone already.

    With a `frame_id`, a tombstone takes the frame's place in the order of commits. Without
    `keep_payload` the letter holds what names the entry, and no picture.
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
    size = DEAD_PAYLOAD_BYTES if keep_payload else DEAD_NAMES_BYTES
    kept = (reason, short_detail(detail), size, bus.budget.now().dead_kept)
    arguments = (group, entry_id, *kept, *tombstone, int(keep_payload))
    return bool(bus.run(Step.BURY, keys, arguments))


def bury_nameless(
    bus: Bus,
    partition: int,
    *,
    source: str,
    group: str,
    entry_id: str,
    detail: str,
    keep_payload: bool,
) -> bool:
    """Bury an entry that doesn't say which frame it was; False: it was gone already.
    Its camera would wait for its ticket for ever, so first a tombstone is put in the place of every
    frame that is nowhere else. In this order: who is killed between the two steps leaves the entry
    to the next, who does both again.
    """
    mend(bus, partition, source, entry_id)
    return bury(
        bus,
        partition,
        source=source,
        group=group,
        entry_id=entry_id,
        frame_id=None,
        reason="decode",
        detail=detail,
        keep_payload=keep_payload,
    )


def mend(bus: Bus, partition: int, source: str, leave_out: str) -> int:
    """Put tombstones in the place of frames that are nowhere; return how many there were.

    The entry `leave_out` of `source` counts as gone. What is in flight tells which tickets are
    missing, and session and seq unless nothing else of an older session is left.
    """
    cameras = [name for name, entry in bus.cameras().items() if entry.partition == partition]
    keys = bus.keys
    streams = (keys.frames(partition), keys.maps(partition))
    left_out = (leave_out, 1 + streams.index(source))
    names = (*streams, *map(keys.camera, cameras))
    mended = int(bus.run(Step.MEND, names, (encode_gap_header("decode"), *left_out, *cameras)))
    if mended:
        _log.error(
            "partition %d: %d frames were damaged beyond recognition and became gaps",
            partition,
            mended,
        )
    return mended


def forget_pictures(bus: Bus, camera: str) -> int:
    """Remove the dead letters that hold a picture of a camera; return how many there were.

    Raises:
        BusUnavailableError: the server doesn't answer.
    """
    key = bus.keys.dead(bus.keys.partition_of(camera))
    with translated(bus.address):
        letters: Any = bus.client.xrange(key)
        found = [
            entry.id
            for _, entry in from_read([(key.encode(), letters)])
            if entry.fields.get(b"c") == camera.encode() and entry.fields.get(b"p")
        ]
        return bus.client.xdel(key, *found) if found else 0


def short_detail(detail: str) -> str:
    """Return what is kept of a sentence: on one line, and never empty."""
    return " ".join(detail.encode("utf-8", "replace").decode().split())[:MAX_DETAIL_CHARS] or "-"
