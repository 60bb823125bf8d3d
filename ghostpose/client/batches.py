"""What one read brings of cameras' poses and events streams, as records in the order of commits."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ghostpose.client.records import Cursor, EventRecord, PoseRecord, Record
from ghostpose.codec.entries import StreamEntry, from_read
from ghostpose.codec.poses import decode_event, decode_pose
from ghostpose.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ghostpose.codec.registry import CameraEntry

_log = logging.getLogger(f"{__name__}.Batch")


@dataclass(slots=True)
class Batch:
    """What one read brought of a camera."""

    camera: str
    poses: list[StreamEntry] = field(default_factory=list)
    events: list[StreamEntry] = field(default_factory=list)

    def in_step(self, count: int) -> Batch:
        """Return the batch without what must wait for the rest of the other stream.

        A stream that brought `count` entries may have more: what the other stream got after its
        last one waits for the next read. Else the end of a session could come before its poses.
        """
        poses, events = self.poses, self.events
        if len(events) >= count:
            poses = [pose for pose in poses if pose.at_ms <= self.events[-1].at_ms]
        if len(self.poses) >= count:
            events = [event for event in events if event.at_ms < self.poses[-1].at_ms]
        return Batch(self.camera, poses, events)

    def moved(self, cursor: Cursor) -> Cursor:
        """Return the cursor behind this batch."""
        return Cursor(
            self.poses[-1].id if self.poses else cursor.poses_id,
            self.events[-1].id if self.events else cursor.events_id,
        )


def batches_of(reply: Any, cameras: Mapping[str, CameraEntry]) -> list[Batch]:
    """Return what redis-py makes of a read of these cameras' streams, by camera."""
    came: defaultdict[str, list[StreamEntry]] = defaultdict(list)
    for stream, entry in from_read(reply):
        came[stream].append(entry)
    return [
        Batch(name, came[entry.poses_key], came[entry.events_key])
        for name, entry in cameras.items()
        if came[entry.poses_key] or came[entry.events_key]
    ]


def decode_batch(batch: Batch) -> tuple[list[Record], int]:
    """Return a camera's records in the order of commits, and how many can't be decoded."""
    records: list[Record] = []
    decoders: list[tuple[Callable[[str, StreamEntry], Record], list[StreamEntry]]] = [
        (_pose_record, batch.poses),
        (_event_record, batch.events),
    ]
    for decode, entries in decoders:
        for entry in entries:
            try:
                records.append(decode(batch.camera, entry))
            except DecodeError as error:
                _log.warning("entry %s of %s is passed over: %s", entry.id, batch.camera, error)
    records.sort(key=_place)
    return records, len(batch.poses) + len(batch.events) - len(records)


def _pose_record(camera: str, entry: StreamEntry) -> PoseRecord:
    data = _payload(entry)
    published = entry.fields.get(b"p", b"")
    if not published.isdigit() or len(published) > 16:
        raise DecodeError(f"pose message: published at {published[:20]!r}", data)
    message = decode_pose(data)
    return PoseRecord(camera, entry.id, entry.at_ms, int(published), message, data)


def _event_record(camera: str, entry: StreamEntry) -> EventRecord:
    data = _payload(entry)
    return EventRecord(camera, entry.id, entry.at_ms, decode_event(data), data)


def _payload(entry: StreamEntry) -> bytes:
    try:
        return entry.fields[b"d"]
    except KeyError:
        raise DecodeError("entry: the field 'd' is missing") from None


def _place(record: Record) -> tuple[int, int, int, int]:
    """Return a record's place among its camera's: by time, and within a millisecond by number."""
    message = record.message
    kind = record.message.kind if isinstance(record, EventRecord) else "pose"
    rank = {"session_start": 0, "session_end": 2}.get(kind, 1)
    return record.committed_ms, message.session, rank, message.seq
