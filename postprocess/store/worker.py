"""The store's worker: from the poses streams into the database, at least once, never losing one.

A message is acknowledged after the transaction that holds it, so a crash anywhere only means that
it is written again, to the same rows. While the database or the server is away, nothing is
acknowledged: the streams hold what comes, and the worker catches up.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import SQLAlchemyError

from ghostpose.bus import Bus
from ghostpose.bus.heartbeats import Heartbeats, worker_name
from ghostpose.codec.entries import id_ms
from ghostpose.errors import BusError, BusUnavailableError, InvalidValueError
from ghostpose.metrics import STORE_LAG, STORED, count, put, turned
from ghostpose.types import EventMessage, PoseMessage
from postprocess.store.database import open_database
from postprocess.store.faults import is_fault_of_the_data
from postprocess.store.group_reader import Delivery, GroupReader
from postprocess.store.retention import KEEP_ALL, Pruner
from postprocess.store.writer import Batch, write_batch

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Engine

    from postprocess.store.retention import Retention

MESSAGES_A_STREAM: Final = 64
"""Read at most so many of each stream for one transaction."""

TURN_S: Final = 0.5
"""Between two looks, unless more is waiting than one look takes: what comes meanwhile is one
transaction, which costs as much for one message as for ten. The store need not be quick, but
cheap."""

CLAIM_EVERY_S: Final = 10.0
CLAIM_IDLE_S: Final = 10.0
"""Messages lent to a worker for longer than this are taken over: it died, or it hangs. Where it is
only slow, the same rows are written twice."""

PAUSES_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Waits before trying again while the database is away; the last one repeats."""

_log = logging.getLogger(f"{__name__}.StoreWorker")


@dataclass(slots=True)
class StoreReport:
    """What a store worker did. `refused`: messages that could not be decoded or written."""

    poses: int = 0
    events: int = 0
    refused: int = 0


def run_store(
    bus_url: str,
    database: str,
    stop: threading.Event,
    *,
    worker: str | None = None,
    partitions: int | None = None,
    retention: Retention = KEEP_ALL,
) -> StoreReport:
    """Store what all cameras produce until `stop`, and then what the streams hold at that moment.

    `partitions` is used only if this creates the deployment (None: the default).

    Raises:
        StoreError: the database can't be used; a server that doesn't answer is waited for.
        BusUnavailableError: no server answers at `bus_url` now. Later outages are waited for.
    """
    with Bus.connect(bus_url, partitions=partitions) as bus:
        engine = _wait_for_database(database, stop)
        if engine is None:
            return StoreReport()
        try:
            pruner = Pruner(engine, retention)
            return StoreWorker(bus, engine, worker or worker_name("store"), stop, pruner).run()
        finally:
            engine.dispose()


def _wait_for_database(database: str, stop: threading.Event) -> Engine | None:
    for attempt in _attempts():
        try:
            return open_database(database)
        except SQLAlchemyError as error:
            _log.warning("the database doesn't answer, trying again: %s", _first_line(error))
            if stop.wait(_pause_s(attempt)):
                return None
    return None


def _attempts() -> Iterator[int]:
    attempt = 0
    while True:
        yield attempt
        attempt += 1


def _pause_s(attempt: int) -> float:
    return PAUSES_S[min(attempt, len(PAUSES_S) - 1)]


def _was_full(stored: Iterable[Delivery], share: int) -> bool:
    """Return whether some stream gave as many messages as one look takes, so may hold more."""
    counts = Counter(delivery.stream for delivery in stored)
    return max(counts.values(), default=0) >= share


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


@dataclass(slots=True)
class StoreWorker:
    """One worker of the `store` group. See `run_store`."""

    bus: Bus
    engine: Engine
    name: str
    stop: threading.Event
    pruner: Pruner
    report: StoreReport = field(default_factory=StoreReport)
    _claimed_at_s: float = 0.0
    _look_back: bool = False
    """Messages may be lent to this worker that it never saw: a reply was lost."""

    def run(self) -> StoreReport:
        """Work until stopped, then store what the streams hold by then."""
        reader = GroupReader(self.bus, self.name)
        with Heartbeats(self.bus, "store", self.name, self._load):
            while not self.stop.is_set():
                turned("store")
                began_s = time.monotonic()
                stored = self._turn(reader)
                self.pruner.work(time.monotonic() - began_s)
                if not _was_full(stored, reader.share(MESSAGES_A_STREAM)):
                    self.stop.wait(TURN_S)
            self._drain(reader)
        return self.report

    def _drain(self, reader: GroupReader) -> None:
        """Store what was there when it was asked to stop: what goes on to come has no end."""
        self._look_back = True  # a reply lost in a retry raises nothing
        reader.look_again()  # a camera may have come and gone since the last look
        try:
            asked_ms = self.bus.server_time_ms()
        except (BusUnavailableError, BusError) as error:
            _log.warning("leaves what is left to another: %s", error)
            return
        while any(id_ms(stored.entry_id) <= asked_ms for stored in self._turn(reader)):
            pass
        self._inherit(reader)

    def _inherit(self, reader: GroupReader) -> None:
        """Store what killed workers held: nobody may come after this one. Living ones do it."""
        until_s = time.monotonic() + CLAIM_IDLE_S + 1.0
        try:
            while reader.lent_to_others() and time.monotonic() < until_s:
                self._claimed_at_s = -CLAIM_EVERY_S  # now
                if not self._turn(reader):
                    time.sleep(TURN_S)
        except (BusUnavailableError, BusError) as error:
            _log.warning("leaves what others held to another: %s", error)

    def _load(self) -> dict[str, float]:
        return {"poses": self.report.poses, "refused": self.report.refused}

    def _turn(self, reader: GroupReader) -> list[Delivery]:
        """Store what is new, and return it."""
        try:
            deliveries = self._take(reader)
            if deliveries and self._write(deliveries):
                reader.acknowledge(deliveries)
                return deliveries
        except (BusUnavailableError, BusError) as error:
            _log.warning("trying again: %s", error)
            self._look_back = True
        return []

    def _take(self, reader: GroupReader) -> list[Delivery]:
        if time.monotonic() - self._claimed_at_s >= CLAIM_EVERY_S:
            self._claimed_at_s = time.monotonic()
            self._look_back = True
            claimed = reader.claim(CLAIM_IDLE_S, MESSAGES_A_STREAM)
            if claimed:
                return claimed
        if self._look_back:
            left = reader.mine(MESSAGES_A_STREAM)
            self._look_back = bool(left)
            if left:
                return left
        return reader.take(MESSAGES_A_STREAM)

    def _write(self, deliveries: Sequence[Delivery]) -> bool:
        """Write until it succeeds; False: stopped while the database was away."""
        for attempt in _attempts():
            try:
                self._write_once(deliveries)
            except (SQLAlchemyError, InvalidValueError) as error:
                if is_fault_of_the_data(error):
                    return self._write_apart(deliveries, error)
                _log.warning("the database doesn't take it, trying again: %s", _first_line(error))
                if self.stop.wait(_pause_s(attempt)):
                    return False
            else:
                return True
        return False

    def _write_once(self, deliveries: Sequence[Delivery]) -> None:
        messages = [delivery.message for delivery in deliveries]
        poses = [message for message in messages if isinstance(message, PoseMessage)]
        events = [message for message in messages if isinstance(message, EventMessage)]
        with self.engine.begin() as connection:
            write_batch(connection, Batch(poses, events))
        self.report.poses += len(poses)
        self.report.events += len(events)
        self.report.refused += len(messages) - len(poses) - len(events)
        count(STORED, "poses", by=len(poses))
        count(STORED, "events", by=len(events))
        count(STORED, "refused", by=len(messages) - len(poses) - len(events))
        newest_ms = max(id_ms(delivery.entry_id) for delivery in deliveries)
        put(STORE_LAG, max(0.0, time.time() - newest_ms / 1000))

    def _write_apart(self, deliveries: Sequence[Delivery], error: Exception) -> bool:
        """Halve a batch that the database refuses, so that only the culprit is left out.

        False: stopped before all was written.
        """
        if len(deliveries) == 1:
            self.report.refused += 1
            count(STORED, "refused")
            entry = deliveries[0]
            _log.error(
                "entry %s of %s is left out: %s", entry.entry_id, entry.stream, _first_line(error)
            )
            return True
        middle = len(deliveries) // 2
        return self._write(deliveries[:middle]) and self._write(deliveries[middle:])
