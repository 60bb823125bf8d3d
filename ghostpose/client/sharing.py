"""What a member of a consumer group knows and does, apart from how it waits.

The server lends each entry to one member until that acknowledges it. What a member that died had is
taken over by another after `claim_after_s`; what a reply that was lost on its way held is read
again by the member itself. So everything comes at least once.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import ResponseError

from ghostpose.client import questions
from ghostpose.client.batches import Batch, batches_of, decode_batch
from ghostpose.client.questions import streams_of
from ghostpose.client.reading import DISCOVERY_S, Start
from ghostpose.client.records import PoseRecord
from ghostpose.server import is_group_lost

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ghostpose.client.records import Record
    from ghostpose.client.talks import Ask, AsyncLine, Line, Talk
    from ghostpose.client.where import Where
    from ghostpose.codec.registry import CameraEntry

CLAIMS_A_WAIT: Final = 3
"""How often a member looks for what others left behind, within `claim_after_s`."""

FORGET_AFTER_S: Final = 3_600.0
"""A member that holds nothing and hasn't read for so long is taken off the group's list."""

FORGET_EVERY_S: Final = 600.0
"""How often each member looks for such."""

Key = tuple[str, str]
"""A stream, and an entry's id in it."""


class Sharing:
    """Where a member of a group stands. See `PoseGroup`."""

    def __init__(
        self,
        group: str,
        member: str,
        cameras: Collection[str] | None,
        where: Where,
        claim_after_s: float,
    ) -> None:
        self._group, self._member, self._where = group, member, where
        self._wanted = None if cameras is None else frozenset(cameras)
        self._claim_after_s = claim_after_s
        self._is_cluster = False
        self._discovery_due = 0.0
        self._claim_due = 0.0
        self._look_back = True
        """Entries may be lent to this member that it never saw."""
        self._in_hand: set[Key] = set()
        self._forget_due = 0.0
        self._known: dict[str, CameraEntry] = {}
        """Cameras that were removed, too: of those something may still be in hand."""
        self.entries: dict[str, CameraEntry] = {}
        self.undecodable = 0

    def open(self, line: Line | AsyncLine, start: Start) -> Talk[None]:
        """Join the group, on this line; make it where it doesn't exist."""
        self._is_cluster = line.is_cluster
        yield from questions.deployment(line.address)
        yield from self._discover("$" if start == "now" else "0")

    def read(self, block_s: float, count: int) -> Talk[list[Record]]:
        """Return up to `count` of each stream that are this member's to handle.

        First what was left behind, by itself or by members that are gone, then what is new.
        """
        deadline = time.monotonic() + block_s
        while True:
            if time.monotonic() >= self._discovery_due:
                yield from self._discover("0")
            batches = yield from self._left_behind(count)
            if not batches:
                left_s = max(0.0, min(deadline, self._discovery_due) - time.monotonic())
                batches = yield from self._new(left_s, count)
            records = yield from self._take(batches)
            if records or time.monotonic() >= deadline:
                return records

    def acknowledge(self, records: Iterable[Record]) -> Talk[None]:
        """Say that these are handled: they come to nobody any more."""
        yield from self._acknowledge([self._key(record) for record in records])

    def put_back(self, records: Iterable[Record]) -> None:
        """Have records that nobody handles after all come again."""
        keys = {self._key(record) for record in records}
        self._in_hand -= keys
        if keys:
            self._claim_due = 0.0  # what was left behind is looked for then

    def leave(self) -> Talk[None]:
        """Take this member off the group's list, unless it leaves something behind to claim."""
        for stream in self._streams():
            left = yield from self._unless_lost(self._ask_pending(stream))
            if left == []:
                yield from self._unless_lost(self._ask_forget(stream, self._member))

    def _discover(self, begin: str) -> Talk[None]:
        """Look which cameras there are, and make the group for those it didn't know, at `begin`."""
        known = yield from questions.cameras()
        entries = {n: e for n, e in known.items() if self._wanted is None or n in self._wanted}
        for name in entries.keys() - self.entries.keys():
            for stream in streams_of(entries[name]):
                yield from self._make_group(stream, begin)
        self.entries = entries
        self._known |= entries
        self._discovery_due = time.monotonic() + DISCOVERY_S

    def _make_group(self, stream: str, begin: str) -> Talk[None]:
        try:
            yield lambda client: client.xgroup_create(stream, self._group, begin, mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _left_behind(self, count: int) -> Talk[list[Batch]]:
        is_due = time.monotonic() >= self._claim_due
        if is_due:
            yield from self._forget_idle_if_due()
            self._claim_due = time.monotonic() + self._claim_after_s / CLAIMS_A_WAIT
            self._look_back = True  # a reply lost in a retry raises nothing
        if not self._look_back:
            return []
        mine = yield from self._news("0", 0, count)
        claimed: list[Batch] = []
        if is_due:
            claimed = yield from self._claim(count)
        batches = [self._unseen(batch) for batch in (*mine, *claimed)]
        found = [batch for batch in batches if batch.poses or batch.events]
        self._look_back = bool(found)
        return found

    def _new(self, block_s: float, count: int) -> Talk[list[Batch]]:
        self._look_back = True  # should the answer be lost
        batches = yield from self._news(">", block_s, count)
        self._look_back = False
        return batches

    def _news(self, after: str, block_s: float, count: int) -> Talk[list[Batch]]:
        def ask(cameras: Mapping[str, CameraEntry], block_ms: int | None) -> Ask:
            since = dict.fromkeys(_streams(cameras), after)
            return lambda client: client.xreadgroup(
                self._group, self._member, since, count=count, block=block_ms
            )

        try:
            return (
                yield from questions.news(self.entries, ask, block_s, is_cluster=self._is_cluster)
            )
        except ResponseError as error:
            if not is_group_lost(error):
                raise
            # The server lost its memory, or a stream its last entry: from the begin again.
            for stream in self._streams():
                yield from self._make_group(stream, "0")
            return []

    def _claim(self, count: int) -> Talk[list[Batch]]:
        """Take over what members that are gone had."""
        batches = []
        for name, entry in self.entries.items():
            replies = []
            for stream in streams_of(entry):
                claimed = yield from self._unless_lost(self._ask_claim(stream, count))
                replies.append((stream.encode(), claimed[1] if claimed else []))
            batches += batches_of(replies, {name: entry})
        return batches

    def _unseen(self, batch: Batch) -> Batch:
        """Return a batch without what this member has in hand."""
        poses, events = streams_of(self._known[batch.camera])
        return Batch(
            batch.camera,
            [entry for entry in batch.poses if (poses, entry.id) not in self._in_hand],
            [entry for entry in batch.events if (events, entry.id) not in self._in_hand],
        )

    def _take(self, batches: Iterable[Batch]) -> Talk[list[Record]]:
        """Return what is wanted of what came: in hand only once nothing can come between."""
        look_back, self._look_back = self._look_back, True  # should this be cut off
        records = []
        for batch in batches:
            records += yield from self._accept(batch)
        self._in_hand |= {self._key(record) for record in records}
        self._look_back = look_back
        return records

    def _accept(self, batch: Batch) -> Talk[list[Record]]:
        """Return what is wanted of what came, and acknowledge the rest."""
        records, undecodable = decode_batch(batch)
        self.undecodable += undecodable
        kept = [wanted for one in records if (wanted := self._where.of(one)) is not None]
        keys = {self._key(record) for record in kept}
        poses, events = streams_of(self._known[batch.camera])
        came = [(poses, e.id) for e in batch.poses] + [(events, e.id) for e in batch.events]
        yield from self._acknowledge([key for key in came if key not in keys])
        return kept

    def _acknowledge(self, keys: Sequence[Key]) -> Talk[None]:
        by_stream: dict[str, list[str]] = {}
        for stream, entry_id in keys:
            by_stream.setdefault(stream, []).append(entry_id)
        for stream, ids in by_stream.items():
            yield self._ask_acknowledge(stream, ids)
        self._in_hand.difference_update(keys)

    def _forget_idle_if_due(self) -> Talk[None]:
        """Take members that were killed long ago off the list: each start has a name of its own."""
        if time.monotonic() < self._forget_due:
            return
        self._forget_due = time.monotonic() + FORGET_EVERY_S
        for stream in self._streams():
            members = yield from self._unless_lost(self._ask_members(stream))
            for row in members or ():
                if row["pending"] == 0 and row["idle"] >= FORGET_AFTER_S * 1000:
                    yield from self._unless_lost(self._ask_forget(stream, row["name"]))

    def _unless_lost(self, ask: Ask) -> Talk[Any]:
        """Return the answer, None if the stream or its group is gone: reading makes it again."""
        try:
            return (yield ask)
        except ResponseError as error:
            if not is_group_lost(error):
                raise
            return None

    def _streams(self) -> list[str]:
        return _streams(self.entries)

    def _key(self, record: Record) -> Key:
        poses, events = streams_of(self._known[record.camera])
        return (poses if isinstance(record, PoseRecord) else events), record.stream_id

    def _ask_claim(self, stream: str, count: int) -> Ask:
        idle_ms = round(self._claim_after_s * 1000)
        return lambda client: client.xautoclaim(
            stream, self._group, self._member, idle_ms, count=count
        )

    def _ask_acknowledge(self, stream: str, ids: Sequence[str]) -> Ask:
        return lambda client: client.xack(stream, self._group, *ids)

    def _ask_pending(self, stream: str) -> Ask:
        return lambda client: client.xpending_range(
            stream, self._group, "-", "+", 1, consumername=self._member
        )

    def _ask_members(self, stream: str) -> Ask:
        return lambda client: client.xinfo_consumers(stream, self._group)

    def _ask_forget(self, stream: str, member: Any) -> Ask:
        return lambda client: client.xgroup_delconsumer(stream, self._group, member)


def _streams(cameras: Mapping[str, CameraEntry]) -> list[str]:
    return [stream for entry in cameras.values() for stream in streams_of(entry)]
