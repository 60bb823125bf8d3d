"""Reading poses and events of cameras, resumable: what a consumer of ghostpose runs.

Redis and numpy are imported with the first reader, not with this module: programs that only might
read poses start as fast as without it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Literal, Self

from ghostpose.client.missed import Missed
from ghostpose.client.records import Cursor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import redis

    from ghostpose.client.records import Record
    from ghostpose.client.streams import Batch, Position
    from ghostpose.codec.registry import CameraEntry

Start = Literal["begin", "now"]

DISCOVERY_S: Final = 1.0
"""How often a reader looks for new cameras."""


class PoseReader:
    """Reads the poses and events of some or all cameras, each camera's in the order of commits.

    Args:
        source: URL of the Redis server, or a `redis` client (a `Bus`'s `client`, for one).
        cameras: only these; None = all, those that appear later too.
        cursor: where to go on, from the `cursor` of an earlier reader; cameras that are not in it
            start by `start`.
        start: `begin`: with what the streams still hold; `now`: with what comes after this call.
            Cameras that appear later are read from their begin.
        timeout_s: how long to try to reach the server.

    Raises:
        BusUnavailableError: no server answers there.
        ProtocolVersionError: the deployment there speaks another major version.

    For one thread.
    """

    def __init__(
        self,
        source: str | redis.Redis,
        cameras: Collection[str] | None = None,
        *,
        cursor: Mapping[str, Cursor] | None = None,
        start: Start = "now",
        timeout_s: float = 5.0,
    ) -> None:
        from ghostpose.client.streams import Streams

        self._streams = Streams(source, timeout_s)
        self._wanted = None if cameras is None else frozenset(cameras)
        self._cursor = dict(cursor or {})
        self._entries: dict[str, CameraEntry] = {}
        self._undecodable = 0
        self._missed = 0
        self._counting: dict[str, Missed] = {}
        self._discover(start)

    @property
    def cursor(self) -> dict[str, Cursor]:
        """How far each camera was read: give it to a later reader to go on there."""
        return dict(self._cursor)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras that are read."""
        return tuple(self._entries)

    @property
    def undecodable(self) -> int:
        """Entries that were passed over because they could not be decoded."""
        return self._undecodable

    @property
    def missed(self) -> int:
        """Frames whose outcome never came: trimmed away before it was read, or undecodable.

        Counted in sessions whose begin this reader read, else from where it came in.
        """
        return self._missed

    def read(self, block_s: float = 1.0, count: int = 100) -> list[Record]:
        """Return what is new, up to `count` of each stream; wait up to `block_s` for the first.

        Raises:
            BusUnavailableError: the server went away.
        """
        deadline = time.monotonic() + block_s
        while True:
            if time.monotonic() >= self._discovery_due:
                self._discover("begin")
            left_s = max(0.0, min(deadline, self._discovery_due) - time.monotonic())
            batches = self._streams.read(self._positions(), count, left_s)
            records = [record for batch in batches for record in self._accept(batch, count)]
            if records or time.monotonic() >= deadline:
                return records

    def __iter__(self) -> Iterator[Record]:
        """Yield what comes, for ever."""
        while True:
            yield from self.read()

    def close(self) -> None:
        """Close the connection, if this reader made it."""
        self._streams.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _discover(self, start: Start) -> None:
        self._discovery_due = time.monotonic() + DISCOVERY_S
        for camera, entry in self._streams.cameras().items():
            if self._wanted is not None and camera not in self._wanted:
                continue
            self._entries[camera] = entry
            if camera not in self._cursor:
                self._cursor[camera] = (
                    Cursor() if start == "begin" else self._streams.last_ids(entry)
                )

    def _positions(self) -> list[Position]:
        from ghostpose.client.streams import Position

        return [
            Position(camera, entry, self._cursor[camera]) for camera, entry in self._entries.items()
        ]

    def _accept(self, batch: Batch, count: int) -> list[Record]:
        """Decode what came of a camera, and move its cursor."""
        from ghostpose.client.streams import decode_batch

        batch = batch.in_step(count)
        records, undecodable = decode_batch(batch)
        self._undecodable += undecodable
        counting = self._counting.setdefault(batch.camera, Missed())
        self._missed += sum(map(counting.after, records))
        self._cursor[batch.camera] = batch.moved(self._cursor[batch.camera])
        return records
