"""The Redis side of a reader: cameras' poses and events streams, read together and in step."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ghostpose.client.records import Cursor, EventRecord, PoseRecord, Record
from ghostpose.codec.entries import StreamEntry, from_read
from ghostpose.codec.messages import check_deployment
from ghostpose.codec.poses import decode_event, decode_pose
from ghostpose.codec.preview import decode_preview
from ghostpose.codec.registry import CameraEntry, decode_cameras
from ghostpose.errors import DecodeError
from ghostpose.redaction import without_password
from ghostpose.server import (
    CLUSTER_POLL_S,
    MAX_BLOCK_S,
    connect,
    is_cluster,
    translated,
)
from ghostpose.topics import CAMERAS_KEY, META_KEY, WANTED_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import redis

    from ghostpose.codec.preview import Preview

WANTED_S: Final = 5.0
"""For so long after a reading of a preview ingest goes on making them."""

_log = logging.getLogger(f"{__name__}.Streams")


@dataclass(frozen=True, slots=True)
class Position:
    """A camera, where its streams are, and how far they were read."""

    camera: str
    entry: CameraEntry
    cursor: Cursor


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


class Streams:
    """Reads streams of one server; `source` is its URL or a client that somebody else closes."""

    def __init__(self, source: str | redis.Redis, timeout_s: float) -> None:
        self._own = isinstance(source, str)
        self._client: Any = (
            connect(source, timeout_s=timeout_s) if isinstance(source, str) else source
        )
        self._address = without_password(source) if isinstance(source, str) else "the server"
        try:
            self._check_deployment()
        except BaseException:
            self.close()
            raise

    def _check_deployment(self) -> None:
        with translated(self._address):
            protocol = self._client.hget(META_KEY, "protocol")
        if protocol is not None:  # a reader may come before the deployment is created
            check_deployment(self._address, protocol)

    def close(self) -> None:
        """Close the connection, if it was made here."""
        if self._own:
            self._client.close()

    def cameras(self) -> dict[str, CameraEntry]:
        """Return every registered camera."""
        with translated(self._address):
            rows = self._client.hgetall(CAMERAS_KEY)
        return decode_cameras(rows)

    def camera(self, name: str) -> CameraEntry | None:
        """Return one camera's row, None if there is no such camera."""
        with translated(self._address):
            row = self._client.hget(CAMERAS_KEY, name)
        return None if row is None else decode_cameras({name.encode(): row}).get(name)

    def preview(self, entry: CameraEntry) -> Preview | None:
        """Return a camera's preview, and say for `WANTED_S` that it is wanted."""
        steps = self._client.pipeline(transaction=False)
        steps.set(entry.preview_key + WANTED_SUFFIX, "1", px=round(WANTED_S * 1000))
        steps.get(entry.preview_key)
        with translated(self._address):
            _, value = steps.execute()
        return None if value is None else decode_preview(value)

    def previews(self, entries: Mapping[str, CameraEntry]) -> dict[str, Preview]:
        """Return the previews of several cameras in one round trip, and say that they are wanted.

        What is there and is no preview is logged and passed over.
        """
        steps = self._client.pipeline(transaction=False)
        for entry in entries.values():
            steps.set(entry.preview_key + WANTED_SUFFIX, "1", px=round(WANTED_S * 1000))
            steps.get(entry.preview_key)
        with translated(self._address):
            values = steps.execute()[1::2]
        previews = {}
        for camera, value in zip(entries, values, strict=True):
            try:
                if value is not None:
                    previews[camera] = decode_preview(value)
            except DecodeError as error:
                _log.warning("the preview of %s is passed over: %s", camera, error)
        return previews

    def last_ids(self, entry: CameraEntry) -> Cursor:
        """Return where a camera's streams end now."""
        ids = []
        for key in (entry.poses_key, entry.events_key):
            with translated(self._address):
                last = self._client.xrevrange(key, count=1)
            ids.append(last[0][0].decode() if last else "0-0")
        return Cursor(*ids)

    def read(self, positions: Sequence[Position], count: int, block_s: float) -> list[Batch]:
        """Return up to `count` new entries of each stream; wait up to `block_s` for the first."""
        block_s = min(block_s, MAX_BLOCK_S)
        if not positions:
            time.sleep(block_s)
            return []
        if not is_cluster(self._client):
            return self._read(positions, count, block_s)
        # A camera's two streams are in one slot, those of two cameras may not be.
        batches = [batch for one in positions for batch in self._read([one], count, 0)]
        if not batches:
            time.sleep(min(block_s, CLUSTER_POLL_S))
        return batches

    def _read(self, positions: Sequence[Position], count: int, block_s: float) -> list[Batch]:
        since = {p.entry.poses_key: p.cursor.poses_id for p in positions}
        since |= {p.entry.events_key: p.cursor.events_id for p in positions}
        block_ms = round(block_s * 1000) or None  # zero would wait for ever
        with translated(self._address):
            reply = self._client.xread(since, count=count, block=block_ms)
        came: defaultdict[str, list[StreamEntry]] = defaultdict(list)
        for stream, entry in from_read(reply):
            came[stream].append(entry)
        return [
            Batch(p.camera, came[p.entry.poses_key], came[p.entry.events_key])
            for p in positions
            if came[p.entry.poses_key] or came[p.entry.events_key]
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
