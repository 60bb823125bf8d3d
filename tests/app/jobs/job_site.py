"""A deployment with a stand-in for the network, in threads of the test, and real job workers."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Self

from held_engine import HeldEngine, infer_with
from waiting import wait_until

from app.jobs.analysis import ROLES
from ghostpose.bus import Bus
from postprocess.loop import run_postprocess
from postprocess.store import run_store
from workers.options import WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LIMIT_S = 60.0

QUICK_TO_NOTICE = (
    "import app.jobs.worker as w; w.DEAD_S, w.CLEAN_EVERY_S, w.BEAT_S, w.LOOK_EVERY_S = 2, 1, 1, 1;"
    "from app.cli.main import main; main()"
)
"""A job worker that takes others for dead soon."""


class JobSite:
    """Inference, post-processing and a store, until the block ends.

    `url_of` says where each finds the server; `url` is where jobs and commands do.
    """

    def __init__(self, url_of: Callable[[str], str], folder: Path) -> None:
        self.url, self.database = url_of("jobs"), folder / "poses.sqlite"
        self.store_url = f"sqlite:///{self.database}"
        self._stop = threading.Event()
        self._engine, options = HeldEngine(0.001), WorkerOptions(batch=1)
        self._roles: tuple[Callable[[], object], ...] = (
            lambda: infer_with(self._engine, url_of("infer"), options, self._stop),
            lambda: run_postprocess(url_of("postprocess"), self._stop),
            lambda: run_store(url_of("store"), self.store_url, self._stop),
        )
        self._threads = [threading.Thread(target=role, daemon=True) for role in self._roles]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        with Bus.connect(self.url) as bus:  # whoever warms up first takes a while
            wait_until(
                lambda: ROLES.keys() <= {beat.role for beat in bus.workers()}, "all roles work"
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.go_on()
        self._stop.set()
        for thread in self._threads:
            thread.join(LIMIT_S)
            assert not thread.is_alive()

    @contextmanager
    def held_after(self, frames: int) -> Iterator[None]:
        """Infer so many more frames, and no other until the block ends."""
        self._engine.hold_after(frames)
        try:
            yield
        finally:
            self._engine.go_on()

    def stored(self, camera: str) -> list[tuple[int, int]]:
        """Return session and seq of each frame of a camera in the database."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(
                "SELECT session, seq FROM poses JOIN cameras ON cameras.id = camera_id"
                " WHERE name = ? ORDER BY session, seq",
                (camera,),
            ).fetchall()
