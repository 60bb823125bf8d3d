"""One post-processing worker: holds partitions, commits their cameras' poses in order.

Everything it knows is on the server as of the last commit. After any trouble it forgets and reads
again; a worker that was paused past its lease is refused by the commit step itself.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ghostpose.allocator import keep_freed_memory
from ghostpose.bus import Bus, MapsReader, PartitionLeases
from ghostpose.bus.backoff import Backoff
from ghostpose.bus.budget import set_budget
from ghostpose.bus.clock import ServerClock
from ghostpose.bus.heartbeats import Heartbeats, worker_name
from ghostpose.errors import BusError, BusFullError, BusUnavailableError, LeaseLostError
from ghostpose.metrics import turned
from postprocess import grouping, tracking
from postprocess.gauges import ServerGauges
from postprocess.lane import Counts, Lane
from postprocess.options import PostprocessOptions
from postprocess.partitions import plan_moves
from postprocess.tracing import FrameTraces, NoTraces

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from ghostpose.bus import Lease, MapsDelivery
    from postprocess.tracing import Traces

ROLE: Final = "postprocess"

TAKE_COUNT: Final = 16
"""Entries of each partition that one read takes at most."""

BLOCK_S: Final = 0.25
"""How long one wait for maps takes at most; also how late a stop is noticed."""

TENDS_A_TTL: Final = 5
"""How often leases are renewed within the time they last."""

_log = logging.getLogger("postprocess.PostprocessWorker")


@dataclass(slots=True)
class Partition:
    """A partition this worker holds, and the cameras it has seen there.

    `is_doubtful`: the server refused a commit, so it isn't where this memory says that it is.
    `has_moved`: something was committed since the leases were renewed last.
    """

    lease: Lease
    lanes: dict[str, Lane] = field(default_factory=dict)
    is_doubtful: bool = False
    has_moved: bool = True


def run_postprocess(
    bus_url: str,
    stop: threading.Event,
    options: PostprocessOptions | None = None,
    *,
    worker: str | None = None,
    partitions: int | None = None,
    budget_mb: int | None = None,
) -> Counts:
    """Work until `stop` is set, give the partitions back, and return what was done.

    `partitions` is used only if this creates the deployment (None: the default); `budget_mb` is the
    deployment's from now on (None: what it was).

    Raises:
        ConfigError: the server's `maxmemory` is too small for this budget.
        BusUnavailableError: no server answers at `bus_url` now. Later outages are waited for.
    """
    keep_freed_memory()
    options = options or PostprocessOptions()
    with Bus.connect(bus_url, partitions=partitions) as bus:
        set_budget(bus, budget_mb)
        grouping.warm_up(options.grouping)
        tracking.warm_up()
        with _traces(options) as traces:
            return PostprocessWorker(bus, worker or worker_name(ROLE), options, stop, traces).run()


@contextmanager
def _traces(options: PostprocessOptions) -> Iterator[Traces]:
    if options.traces_url is None:
        yield NoTraces()
        return
    with closing(FrameTraces(options.traces_url, options.trace_every)) as traces:
        yield traces


class PostprocessWorker:
    """Takes its share of the partitions and commits what comes there."""

    def __init__(
        self,
        bus: Bus,
        name: str,
        options: PostprocessOptions,
        stop: threading.Event,
        traces: Traces | None = None,
    ) -> None:
        self._bus, self._name, self._options, self._stop = bus, name, options, stop
        self._traces = traces or NoTraces()
        self._leases = PartitionLeases(bus, name, options.lease_ttl_s)
        self._reader = MapsReader(bus)
        self._clock = ServerClock(bus)
        self._held: dict[int, Partition] = {}
        self._counts = Counts()
        self._tend_due_s = float("-inf")
        self._backoff = Backoff()

    def run(self) -> Counts:
        """See `run_postprocess`."""
        load, gauges = self._counts.as_load, ServerGauges(self._bus)
        with Heartbeats(self._bus, ROLE, self._name, load, lambda: gauges.note(list(self._held))):
            while not self._stop.is_set():
                turned(ROLE)
                try:
                    self._tend_if_due()
                    self._work()
                except (BusUnavailableError, BusFullError) as error:
                    self._bear(error)
                else:
                    self._backoff.failures = 0
            self._release_all()
        return self._counts

    def _work(self) -> None:
        """Wait for entries, and commit those whose turn it is."""
        if not self._held:
            self._stop.wait(BLOCK_S)
            return
        leases = [partition.lease for partition in self._held.values()]
        for delivery in self._reader.take(leases, TAKE_COUNT, BLOCK_S):
            self._receive(delivery)
        self._read_doubtful_again()

    def _read_doubtful_again(self) -> None:
        """Forget partitions where a commit was refused, and read all that is pending there.

        A server that failed over to a slightly older copy has entries there that were committed
        once, and none of them would ever come by itself.
        """
        for number, partition in list(self._held.items()):
            if partition.is_doubtful:
                self._read_from_last_commit(number, partition.lease)

    def _receive(self, delivery: MapsDelivery) -> None:
        partition = self._held.get(delivery.partition)
        if partition is None:
            return  # lost meanwhile; its new owner reads this among the pending ones
        camera = delivery.message.id.camera
        if camera not in partition.lanes:
            partition.lanes[camera] = self._new_lane(camera)
        lane = partition.lanes[camera]
        lane.add(delivery)
        self._advance(delivery.partition, lane)

    def _new_lane(self, camera: str) -> Lane:
        return Lane(camera, self._reader, self._options, self._clock, self._counts, self._traces)

    def _advance(self, number: int, lane: Lane) -> None:
        """Commit all of a camera whose turn has come."""
        while lane.ready():
            self._tend_if_due()  # a long backlog must not cost the lease
            partition = self._held.get(number)
            if partition is None or partition.is_doubtful:
                return
            try:
                lane.commit_next(partition.lease)
                partition.has_moved = True
            except LeaseLostError as error:
                self._drop(number, error)
            except (BusUnavailableError, BusFullError):
                raise
            except BusError as error:
                _log.warning("reads partition %d again from its last commits: %s", number, error)
                partition.is_doubtful = True

    def _tend_if_due(self) -> None:
        """Renew the leases, and move towards a fair share of the partitions."""
        if time.monotonic() < self._tend_due_s:
            return
        self._tend_due_s = time.monotonic() + self._options.lease_ttl_s / TENDS_A_TTL
        for number, partition in list(self._held.items()):
            try:
                partition.lease = self._leases.renew(partition.lease)
                self._doubt_if_stuck(partition)
            except LeaseLostError as error:
                self._drop(number, error)
        moves = plan_moves(self._name, self._others(), self._holders(), self._bus.partitions)
        for number in moves.release:
            self._release(number)
        for number in moves.take:
            self._take_over(number)
        self._counts.partitions = len(self._held)

    def _doubt_if_stuck(self, partition: Partition) -> None:
        """Look at a partition where nothing moves; doubt it if something is handed out.

        Its reply may have been lost on a connection that broke, and the step was sent again.
        """
        if not partition.has_moved:
            self._reader.look_again(partition.lease)
            partition.is_doubtful |= self._reader.has_pending(partition.lease)
        partition.has_moved = False

    def _holders(self) -> dict[int, str]:
        """Return who holds which partition; one of ours that we forgot counts as free."""
        holders = self._leases.holders()
        return {p: who for p, who in holders.items() if who != self._name or p in self._held}

    def _others(self) -> list[str]:
        """Return the post-processing workers that have been heard of within a lease's time."""
        oldest = self._clock.now_ms() / 1000 - self._options.lease_ttl_s
        return [
            beat.worker for beat in self._bus.workers() if beat.role == ROLE and beat.at >= oldest
        ]

    def _take_over(self, number: int) -> None:
        lease = self._leases.take(number)
        if lease is None:
            return  # another was faster
        self._read_from_last_commit(number, lease)

    def _read_from_last_commit(self, number: int, lease: Lease) -> None:
        self._held[number] = Partition(lease)
        for delivery in self._reader.pending(lease):
            self._receive(delivery)

    def _release(self, number: int) -> None:
        """Give a partition back; what came early stays pending for whoever takes it."""
        partition = self._held.pop(number, None)
        if partition is not None:
            self._leases.release(partition.lease)

    def _release_all(self) -> None:
        try:
            for number in list(self._held):
                self._release(number)
        except BusUnavailableError as error:
            _log.warning("leases run out by themselves: %s", error)

    def _drop(self, number: int, error: LeaseLostError) -> None:
        _log.warning("drops partition %d: %s", number, error)
        self._held.pop(number, None)

    def _bear(self, error: Exception) -> None:
        """Forget everything: what is true is on the server, once that answers again."""
        if self._backoff.failures == 0:
            _log.warning("waits for the server: %s", error)
        self._held.clear()
        self._tend_due_s = float("-inf")
        self._stop.wait(self._backoff.next_s())
