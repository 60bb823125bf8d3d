"""What a reader knows and does, apart from how it waits: `PoseReader` and its twin of asyncio."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Literal

from ghostpose.client import questions
from ghostpose.client.batches import decode_batch
from ghostpose.client.missed import Missed
from ghostpose.client.records import Cursor

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ghostpose.client.batches import Batch
    from ghostpose.client.records import Record
    from ghostpose.client.talks import Ask, AsyncLine, Line, Talk
    from ghostpose.client.where import Where
    from ghostpose.codec.registry import CameraEntry

Start = Literal["begin", "now"]

DISCOVERY_S: Final = 1.0
"""How often a reader looks for new cameras."""


class Reading:
    """Where a reader stands in each camera's streams. See `PoseReader`."""

    def __init__(
        self,
        cameras: Collection[str] | None,
        cursor: Mapping[str, Cursor] | None,
        where: Where,
    ) -> None:
        self._wanted = None if cameras is None else frozenset(cameras)
        self._where = where
        self._is_cluster = False
        self._discovery_due = 0.0
        self._counting: dict[str, Missed] = {}
        self.cursor = dict(cursor or {})
        self.entries: dict[str, CameraEntry] = {}
        self.undecodable = 0
        self.missed = 0

    def open(self, line: Line | AsyncLine, start: Start) -> Talk[None]:
        """Begin, on this line."""
        self._is_cluster = line.is_cluster
        yield from questions.deployment(line.address)
        yield from self._discover(start)

    def read(self, block_s: float, count: int) -> Talk[list[Record]]:
        """Return what is new, up to `count` of each stream; wait up to `block_s` for the first."""
        deadline = time.monotonic() + block_s
        while True:
            if time.monotonic() >= self._discovery_due:
                yield from self._discover("begin")
            left_s = max(0.0, min(deadline, self._discovery_due) - time.monotonic())
            batches = yield from questions.news(
                self.entries,
                lambda cameras, block_ms: self._ask(cameras, count, block_ms),
                left_s,
                is_cluster=self._is_cluster,
            )
            records = [record for batch in batches for record in self._accept(batch, count)]
            if records or time.monotonic() >= deadline:
                return records

    def _discover(self, start: Start) -> Talk[None]:
        self._discovery_due = time.monotonic() + DISCOVERY_S
        for camera, entry in (yield from questions.cameras()).items():
            if self._wanted is not None and camera not in self._wanted:
                continue
            if camera not in self.cursor:
                self.cursor[camera] = (
                    Cursor() if start == "begin" else (yield from questions.last_ids(entry))
                )
            self.entries[camera] = entry

    def _ask(self, cameras: Mapping[str, CameraEntry], count: int, block_ms: int | None) -> Ask:
        since: dict[str, str] = {}
        for name, entry in cameras.items():
            since[entry.poses_key] = self.cursor[name].poses_id
            since[entry.events_key] = self.cursor[name].events_id
        return lambda client: client.xread(since, count=count, block=block_ms)

    def _accept(self, batch: Batch, count: int) -> list[Record]:
        """Decode what came of a camera, and move its cursor; return what is wanted of it."""
        batch = batch.in_step(count)
        records, undecodable = decode_batch(batch)
        self.undecodable += undecodable
        counting = self._counting.setdefault(batch.camera, Missed())
        self.missed += sum(map(counting.after, records))
        self.cursor[batch.camera] = batch.moved(self.cursor[batch.camera])
        return [wanted for one in records if (wanted := self._where.of(one)) is not None]
