"""All roles of a deployment in threads of the test, and the ledger of what came of each frame."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from held_engine import HeldEngine, infer_with
from waiting import wait_until

from ghostpose.client import PoseReader, PoseRecord
from ghostpose.config import CameraConfig
from ghostpose.errors import BusUnavailableError
from ingest.loop import run_camera
from postprocess.loop import run_postprocess
from postprocess.options import PostprocessOptions
from postprocess.store import run_store
from workers.options import WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ghostpose.bus import Bus
    from ghostpose.client import Record
    from ingest.report import CameraReport

CAMERA: Final = "hall"
GUARANTEES: Final = Path(__file__).parents[2] / "docs" / "guarantees.md"
LIMIT_S: Final = 100.0
OPTIONS: Final = WorkerOptions(batch=1, min_idle_s=0.5)

PAUSE_S: Final = 0.02
"""What the stand-in for the network takes for a picture: so that there is traffic for a while."""

POSTPROCESS: Final = PostprocessOptions(lease_ttl_s=1.0)


class Whole:
    """Plays a test pattern through all roles; `url_of` says where each role finds the server.

    `seen` is what an outside consumer gets, who reads from the begin and goes on after outages.
    `hold_after`: no more frames than these are inferred until `go_on`, or somebody waits for the
    camera's end.
    """

    def __init__(
        self,
        url_of: Callable[[str], str],
        folder: Path,
        *,
        roles: Sequence[str] = ("postprocess", "infer", "store", "consumer", "ingest"),
        hold_after: int | None = None,
        **camera: Any,
    ) -> None:
        self._roles = roles
        self._url_of, self.database = url_of, folder / "poses.sqlite"
        settings = {"source": "pattern:frames=25&fps=50&width=64&height=48", "policy": "every"}
        self.camera = CameraConfig.model_validate(
            {"name": CAMERA, "height": 64, **settings, **camera}
        )
        self.seen: list[Record] = []
        self.reports: list[CameraReport] = []
        self._ingesting, self._stop = threading.Event(), threading.Event()
        self._failures: list[BaseException] = []
        self._threads: dict[str, threading.Thread] = {}
        self._engine = HeldEngine(PAUSE_S)
        if hold_after is not None:
            self._engine.hold_after(hold_after)

    def __enter__(self) -> Self:
        for role in self._roles:
            self.start(role)
        return self

    def start(self, role: str) -> None:
        """Start a role in a thread of its own."""
        self._threads[role] = threading.Thread(target=self._play, args=(role,), daemon=True)
        self._threads[role].start()

    def __exit__(self, *_: object) -> None:
        self.go_on()
        self._ingesting.set()
        if "ingest" in self._roles:
            self._join("ingest")
        self._stop.set()
        for role in self._threads:
            self._join(role)
        assert not self._failures, self._failures

    def end_camera(self) -> CameraReport:
        """Ask the camera to end, and wait for its report."""
        self._ingesting.set()
        return self.join_camera()

    def join_camera(self) -> CameraReport:
        """Wait for the camera's end, and return its report."""
        self.go_on()
        self._join("ingest")
        return self.reports[-1]

    def go_on(self) -> None:
        """Infer all that comes from now on."""
        self._engine.go_on()

    def _join(self, role: str) -> None:
        self._threads[role].join(LIMIT_S)
        assert not self._threads[role].is_alive(), f"{role} does not end"

    def _play(self, role: str) -> None:
        url = self._url_of(role)
        try:
            if role == "ingest":
                self.reports.append(run_camera(self.camera, url, self._ingesting, 4))
            elif role == "infer":
                infer_with(self._engine, url, OPTIONS, self._stop, partitions=4)
            elif role == "postprocess":
                run_postprocess(url, self._stop, POSTPROCESS, partitions=4)
            elif role == "store":
                run_store(url, f"sqlite:///{self.database}", self._stop, partitions=4)
            else:
                self._consume(url)
        except BaseException as failure:
            self._failures.append(failure)

    def _consume(self, url: str) -> None:
        with PoseReader(url, start="begin") as reader:
            while not self._stop.is_set():
                try:
                    self.seen += reader.read(0.1)
                except BusUnavailableError:
                    continue

    def poses_seen(self) -> list[tuple[int, int]]:
        """Return session and seq of each pose message that the consumer got, in order."""
        return [
            (record.message.session, record.message.seq)
            for record in list(self.seen)
            if isinstance(record, PoseRecord)
        ]

    def gaps_seen(self) -> list[tuple[int, int]]:
        return [
            (record.message.session, record.message.seq)
            for record in list(self.seen)
            if not isinstance(record, PoseRecord) and record.message.kind == "gap"
        ]

    def rows(self, table: str) -> int:
        """Return how many rows the store has written to a table."""
        return next((int(row[0]) for row in self._query(f"SELECT count(*) FROM {table}")), 0)

    def missing(self) -> int | None:
        """Return what docs/guarantees.md's query says: frames whose outcome was never stored."""
        query = GUARANTEES.read_text().split("```sql")[1].split("```")[0]
        return next((int(row[2]) for row in self._query(query)), None)

    def _query(self, query: str) -> list[tuple[Any, ...]]:
        """Return nothing as long as the store hasn't made its tables."""
        if not self.database.exists():
            return []
        with closing(sqlite3.connect(self.database)) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError:
                return []

    def assert_ledger_balances(self, bus: Bus, report: CameraReport) -> None:
        """One outcome a frame, in order, for a consumer and in the database; all drops counted."""
        wait_until(lambda: bus.counters(CAMERA).in_flight == 0, "all frames have an outcome")
        counters = bus.counters(CAMERA)
        tally = report.tally
        assert report.problem is None
        assert tally.read == tally.published + sum(tally.skipped.values())
        assert counters.published == counters.poses + counters.gaps
        wait_until(
            lambda: len(self.poses_seen()) + len(self.gaps_seen()) >= counters.published,
            "the consumer has all",
        )
        poses, gaps = self.poses_seen(), self.gaps_seen()
        assert poses == sorted(poses)
        assert max(Counter(poses + gaps).values(), default=1) == 1
        assert (len(poses), len(gaps)) == (counters.poses, counters.gaps)
        wait_until(
            lambda: (self.rows("poses"), self.rows("gaps")) == (counters.poses, counters.gaps),
            "the store has all",
        )
