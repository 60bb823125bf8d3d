"""The drill itself: load, one fault after another, and the books when all has come to rest."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from app.chaos import faults
from app.chaos.ledger import Ledger
from app.chaos.site import BUDGET_MB, STOP_S, Scale, Site
from app.chaos.watch import Consumer, MemoryWatch
from ghostpose.bus import Bus
from postprocess.store.worker import CLAIM_IDLE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from app.chaos.faults import Fault

START_S: Final = 180.0
STUCK_S: Final = 90.0
"""A camera without a new pose for so long after a fault is stuck."""

SETTLE_S: Final = 120.0
STORE_STILL_S = CLAIM_IDLE_S + 15.0
"""Longer than the store waits before it takes over what another had."""

PAUSE_S: Final = (0.2, 3.0)
"""Between a recovery and the next fault."""

SECOND_FAULT: Final = 0.2
"""How often two things go wrong at once."""

LATENCY_MS: Final = 2000.0
"""Half of the live frames are committed so soon after their capture, through all faults; without
any, 95 % of them are."""

RECOVERY_S: Final = 10.0
"""95 % of the kills are over within it: each camera has a pose of a frame published since."""

CALM_GROWTH: Final = 1.05
CHAOS_GROWTH: Final = 1.25
WARM_S: Final = 600.0
SHORTEST_WATCHED_S: Final = 180.0
"""Memory is judged in drills of at least so long, from `WARM_S`, or a third, on."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One fault: seconds since the begin, and how long every camera's next pose took."""

    kind: str
    victim: str
    at_s: float
    held_s: float
    recovered_s: float


@dataclass(slots=True)
class Outcome:
    """All that a drill came to. `ended`: who ended by itself, and its exit code."""

    ledger: Ledger
    seconds: float = 0.0
    happened: list[Happened] = field(default_factory=list)
    dead: int = 0
    ended: list[str] = field(default_factory=list)
    latency_ms: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, tuple[float, float]] = field(default_factory=dict)
    by_second: dict[tuple[str, int], int] = field(default_factory=dict)

    def kill_p95_s(self) -> float:
        """Return how long 95 % of the kills took at most to recover from; 0 without any."""
        kills = sorted(one.recovered_s for one in self.happened if not one.held_s)
        return kills[min(len(kills) - 1, int(0.95 * len(kills)))] if kills else 0.0


class Drill:
    """Runs once; `say` gets a line for each thing that goes wrong."""

    def __init__(
        self,
        folder: Path,
        *,
        seconds: float,
        seed: int,
        calm: bool = False,
        scale: Scale | None = None,
        say: Callable[[str], None],
    ) -> None:
        self._seconds, self._random, self._calm, self._say = seconds, Random(seed), calm, say
        self.site = Site(folder, scale or Scale())
        self.ledger = Ledger()
        self.outcome = Outcome(self.ledger)
        self._stored_before: dict[str, tuple[int, int]] = {}
        self._still_since_s = 0.0
        self._told = 0
        self._settles = False

    def run(self) -> Outcome:
        """Start all, drill, stop all, and hold the books against each other."""
        with self.site as site:
            self.ledger.open(site.expected)
            with Consumer(site.server.url, self.ledger) as self.consumer:
                self._until(lambda: len(self.consumer.newest_ms) == len(site.expected),
                            "a pose of each camera", START_S)  # fmt: skip
                self._began_s, self.consumer.began_ms = time.monotonic(), round(1000 * time.time())
                self.consumer.by_second.clear()
                with MemoryWatch(site) as memory:
                    self._play()
                    self.outcome.seconds = self._since()
                self._settle()
                self.consumer.check()
            self._judge(memory)
        return self.outcome

    def _since(self) -> float:
        return time.monotonic() - self._began_s

    def _play(self) -> None:
        while self._since() < self._seconds:
            self.consumer.check()
            if self._calm:
                time.sleep(0.2)
                continue
            count = 2 if self._random.random() < SECOND_FAULT else 1
            chosen = [faults.choose(self.site, self._random) for _ in range(count)]
            self._cause(chosen if len({one.victim for one in chosen}) == count else chosen[:1])
            time.sleep(self._random.uniform(*PAUSE_S))

    def _cause(self, chosen: Sequence[Fault]) -> None:
        """Have these go wrong at once, then wait until every camera has a pose of a new frame."""
        began_s = self._since()
        for one in chosen:
            one.begin()
        held_s = max(one.hold_s for one in chosen)
        time.sleep(held_s)
        for one in chosen:
            one.end()
        self.site.tend()
        since_ms = 1000 * time.time()
        asked_s = self._since() if held_s else began_s
        kinds = " and ".join(one.kind for one in chosen)
        victims = " and ".join(one.victim for one in chosen)
        self._until(lambda: not self._behind(since_ms), f"recovery from: {kinds} ({victims})")
        took_s = self._since() - asked_s
        self.outcome.happened.append(Happened(kinds, victims, began_s, held_s, took_s))
        self._say(f"{began_s:7.1f} s  {kinds} ({victims}) for {held_s:.1f} s: {took_s:.1f} s")
        while self._told < len(self.ledger.violations):
            self._say(f"broken: {self.ledger.violations[self._told]}")
            self._told += 1

    def _behind(self, since_ms: float) -> list[str]:
        """Return the cameras without a pose of a frame published since."""
        newest = self.consumer.newest_ms
        return [camera for camera in self.site.expected if newest.get(camera, 0) <= since_ms]

    def _until(self, condition: Callable[[], bool], what: str, limit_s: float = STUCK_S) -> None:
        """Wait for something; that it did not come within `limit_s` is a violation."""
        until_s = time.monotonic() + limit_s
        while not condition():
            self.consumer.check()
            if not self._settles:
                self.site.tend()
            if time.monotonic() > until_s:
                newest = {c: round(ms / 1000) for c, ms in self.consumer.newest_ms.items()}
                self.ledger.violated(
                    "stuck", f"{what}: not within {limit_s:g} s; newest frames are of {newest}"
                )
                return
            time.sleep(0.02)

    def _settle(self) -> None:
        """Stop ingest, wait until nothing is in flight and all is read and stored; stop all."""
        self._settles = True
        for name in self.site.unstoppable:
            self.ledger.violated("exit", f"{name}: did not end within {STOP_S:g} s of SIGTERM")
        self._stop("ingest")
        with Bus.connect(self.site.server.url, timeout_s=30) as bus:
            self._until(lambda: self._is_quiet(bus), "quiet after the last frame", SETTLE_S)
            self._until(lambda: self._store_is_still(bus), "the store's last row", SETTLE_S)
            self._balance(bus)
        for role in ("infer", "postprocess", "store"):
            self._stop(role)
        self.outcome.ended = [f"{name}: {code}" for name, code in self.site.ended]

    def _stop(self, role: str) -> None:
        for name, code in self.site.stop(role).items():
            if code != 0:
                self.ledger.violated("exit", f"{name}: ended with {code} after SIGTERM")

    def _is_quiet(self, bus: Bus) -> bool:
        """Whether nothing is in flight, and the consumer has found nothing new since."""
        cameras = self.ledger.books
        return not any(bus.counters(camera).in_flight for camera in cameras) and (
            self.consumer.finds_nothing()
        )

    def _store_is_still(self, bus: Bus) -> bool:
        """Whether the store has all there is, or nothing more has come into it for long."""
        counters = {camera: bus.counters(camera) for camera in self.ledger.books}
        stored = self._stored()
        if stored != self._stored_before:
            self._stored_before, self._still_since_s = stored, time.monotonic()
        return (
            stored == {camera: (one.poses, one.gaps) for camera, one in counters.items()}
            or time.monotonic() - self._still_since_s > STORE_STILL_S
        )

    def _balance(self, bus: Bus) -> None:
        """Hold what came against what the server counted, and what is left against nothing."""
        for camera, book in self.ledger.books.items():
            counters = bus.counters(camera)
            self.outcome.dead += counters.dead
            said = (counters.published, counters.poses, counters.gaps, counters.sessions_ended)
            came = (book.frames, book.poses, book.gaps.total(), book.sessions_ended)
            if said != came:
                self.ledger.violated(
                    "unbalanced",
                    f"{camera}: published, poses, gaps and ended sessions are {said} on the server"
                    f" and {came} as they came",
                )
        if (stored := self._stored()) != (came_rows := self._came()):
            self.ledger.violated("unbalanced", f"the store has {stored}, and {came_rows} came")
        if self.consumer.undecodable:
            self.ledger.violated("undecodable", f"{self.consumer.undecodable} messages are none")
        for partition in range(bus.partitions):
            left = [bus.client.xlen(k(partition)) for k in (bus.keys.frames, bus.keys.maps)]
            if any(left):
                self.ledger.violated("stuck", f"partition {partition}: frames, maps left: {left}")

    def _stored(self) -> dict[str, tuple[int, int]]:
        """Return how many poses and gaps of each camera are in the database."""
        with closing(sqlite3.connect(self.site.database, timeout=30)) as database:
            counts = [
                dict(database.execute(
                    f"SELECT name, count(*) FROM {table} JOIN cameras ON id = camera_id"  # noqa: S608
                    " GROUP BY name"
                ))
                for table in ("poses", "gaps")
            ]  # fmt: skip
        return {c: (counts[0].get(c, 0), counts[1].get(c, 0)) for c in self.ledger.books}

    def _came(self) -> dict[str, tuple[int, int]]:
        return {camera: (b.poses, b.gaps.total()) for camera, b in self.ledger.books.items()}

    def _judge(self, memory: MemoryWatch) -> None:
        """Look at what took how long, and how memory grew."""
        latency, ended_s = self.consumer.latency, self.outcome.seconds
        shares = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
        told = {name: round(latency.percentile(share)) for name, share in shares.items()}
        self.outcome.latency_ms = {name: float(value) for name, value in told.items()}
        judged = "p95" if self._calm else "p50"
        if told[judged] > LATENCY_MS:
            self.ledger.violated("late", f"latency of live cameras, {judged}: {told[judged]} ms")
        if self.outcome.kill_p95_s() > RECOVERY_S:
            self.ledger.violated(
                "slow", f"recovery from kills, p95: {self.outcome.kill_p95_s():.1f} s"
            )
        self.outcome.by_second = dict(self.consumer.by_second)
        if ended_s >= SHORTEST_WATCHED_S:
            self._judge_memory(memory, min(WARM_S, ended_s / 3), ended_s)

    def _judge_memory(self, memory: MemoryWatch, since_s: float, ended_s: float) -> None:
        most = CALM_GROWTH if self._calm else CHAOS_GROWTH
        if self._calm:
            self.outcome.memory_mb = memory.grown(since_s, ended_s)
        else:
            third_s = ended_s / 3
            self.outcome.memory_mb = {
                "all": (
                    memory.total_mb(third_s, 2 * third_s),
                    memory.total_mb(2 * third_s, ended_s),
                )
            }
        for name, (before, after) in self.outcome.memory_mb.items():
            # What streams keep grows until it comes to its bound, which the budget holds it to.
            allowed_mb = BUDGET_MB if name == "server" else most * before
            if after > allowed_mb:
                self.ledger.violated(
                    "memory", f"{name}: memory grew from {before:.1f} to {after:.1f} MB"
                )
