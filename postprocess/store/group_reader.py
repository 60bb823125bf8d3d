"""The `store` consumer group on every camera's poses and events: each message at least once."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import redis

from ghostpose.bus.consumers import IdleConsumers
from ghostpose.codec.entries import StreamEntry, from_read
from ghostpose.codec.poses import decode_event, decode_pose
from ghostpose.errors import DecodeError
from ghostpose.server import is_group_lost, translated
from ghostpose.topics import STORE_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ghostpose.bus import Bus
    from ghostpose.types import EventMessage, PoseMessage

MOST_AT_ONCE: Final = 8192
"""Messages of all streams together: what a store holds in memory while it has much to catch up."""

DISCOVERY_S: Final = 1.0
"""How often new cameras are looked for."""

_log = logging.getLogger(f"{__name__}.GroupReader")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message lent to this worker until it is acknowledged; None: it could not be decoded."""

    stream: str
    entry_id: str
    message: PoseMessage | EventMessage | None


class GroupReader:
    """Reads all cameras' messages in the name of one store worker. For one thread.

    One reading takes `MOST_AT_ONCE` messages at most, or one of each stream where there are more.
    """

    def __init__(self, bus: Bus, worker: str) -> None:
        self._bus, self._worker = bus, worker
        self._events: dict[str, bool] = {}
        self._together: list[tuple[str, ...]] = []
        self._looked_at_s = -DISCOVERY_S
        self._undecodable = 0
        self._idle_consumers = IdleConsumers(bus, STORE_GROUP)

    @property
    def undecodable(self) -> int:
        """Entries that could not be decoded and are left out of the database."""
        return self._undecodable

    def look_again(self) -> None:
        """Look for new cameras at the next reading, however short ago the last look was."""
        self._looked_at_s = -DISCOVERY_S

    def share(self, count: int) -> int:
        """Return how many messages of each stream one reading takes where `count` are wanted."""
        return max(1, min(count, MOST_AT_ONCE // max(1, len(self._events))))

    def take(self, count: int) -> list[Delivery]:
        """Return up to `count` new messages of each stream, oldest first; don't wait."""
        self._discover()
        count = self.share(count)
        taken: list[Delivery] = []
        for streams in self._together:
            taken += self._decoded(self._read(streams, ">", count))
        return taken

    def mine(self, count: int) -> list[Delivery]:
        """Return up to `count` messages of each stream that this worker has not acknowledged.

        Between two writes these are left over from a reply that was lost on its way.
        """
        self._discover()
        count = self.share(count)
        left: list[Delivery] = []
        for streams in self._together:
            left += self._decoded(self._read(streams, "0", count))
        return left

    def claim(self, min_idle_s: float, count: int) -> list[Delivery]:
        """Take over up to `count` messages a stream that were lent for `min_idle_s`.

        Those of workers that died, and this worker's own from before a restart.
        """
        self._discover()
        count = self.share(count)
        self._idle_consumers.forget_if_due(self._together)
        claimed: list[Delivery] = []
        for stream in self._events:
            entries = self._claim_of(stream, min_idle_s, count)
            claimed += self._decoded((stream, entry) for entry in entries)
        return claimed

    def lent_to_others(self) -> bool:
        """Whether another worker holds messages, be it alive or dead."""
        mine = self._worker.encode()
        return any(one["name"] != mine and one["pending"] for one in self._consumers())

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Say that these messages are in the database, or never will be."""
        by_stream: dict[str, list[str]] = {}
        for delivery in deliveries:
            by_stream.setdefault(delivery.stream, []).append(delivery.entry_id)
        with translated(self._bus.address), self._bus.client.pipeline(transaction=False) as batch:
            for stream, ids in by_stream.items():
                batch.xack(stream, STORE_GROUP, *ids)
            batch.execute()

    def _consumers(self) -> Iterator[dict[str, Any]]:
        for stream in self._events:
            with translated(self._bus.address):
                try:
                    found: Any = self._bus.client.xinfo_consumers(stream, STORE_GROUP)
                except redis.ResponseError:
                    continue  # a camera that is gone: nobody holds anything of it
            yield from found

    def _claim_of(self, stream: str, min_idle_s: float, count: int) -> list[StreamEntry]:
        with translated(self._bus.address):
            try:
                reply: Any = self._bus.client.xautoclaim(
                    stream, STORE_GROUP, self._worker, round(min_idle_s * 1000), count=count
                )
            except redis.ResponseError as error:
                if not is_group_lost(error):
                    raise
                return []  # a camera that is gone: reading makes the group again
        return [StreamEntry(entry_id.decode(), fields) for entry_id, fields in reply[1]]

    def _discover(self) -> None:
        """Look for new cameras, now and then, and make their groups, from the streams' begin."""
        if time.monotonic() - self._looked_at_s < DISCOVERY_S:
            return
        cameras = self._bus.cameras()
        is_events = {entry.poses_key: False for entry in cameras.values()}
        is_events |= {entry.events_key: True for entry in cameras.values()}
        self._make_groups(is_events.keys() - self._events.keys())
        partitions: dict[int, list[str]] = {}
        for entry in cameras.values():
            partitions.setdefault(entry.partition, []).extend((entry.poses_key, entry.events_key))
        self._events = is_events
        self._together = [tuple(streams) for _, streams in sorted(partitions.items())]
        self._looked_at_s = time.monotonic()

    def _make_groups(self, streams: Iterable[str]) -> None:
        for stream in streams:
            with translated(self._bus.address):
                try:
                    self._bus.client.xgroup_create(stream, STORE_GROUP, id="0", mkstream=True)
                except redis.ResponseError as error:
                    if not str(error).startswith("BUSYGROUP"):
                        raise

    def _read(
        self, streams: tuple[str, ...], after: str, count: int
    ) -> Iterable[tuple[str, StreamEntry]]:
        wanted: Any = dict.fromkeys(streams, after)
        with translated(self._bus.address):
            try:
                reply = self._bus.client.xreadgroup(STORE_GROUP, self._worker, wanted, count=count)
            except redis.ResponseError as error:
                if not is_group_lost(error):
                    raise
                # The server lost its memory: from the begin again, rows are written once anyway.
                self._make_groups(streams)
                return ()
        return from_read(reply)

    def _decoded(self, entries: Iterable[tuple[str, StreamEntry]]) -> list[Delivery]:
        return [
            Delivery(stream, entry.id, self._decode(stream, entry)) for stream, entry in entries
        ]

    def _decode(self, stream: str, entry: StreamEntry) -> PoseMessage | EventMessage | None:
        data = entry.fields.get(b"d") if entry.fields else None
        if data is None:  # trimmed away while it was pending
            self._undecodable += 1
            _log.warning("entry %s of %s was trimmed before it was stored", entry.id, stream)
            return None
        try:
            return decode_event(data) if self._events[stream] else decode_pose(data)
        except DecodeError as error:
            self._undecodable += 1
            _log.warning("entry %s of %s is left out: %s", entry.id, stream, error)
            return None
