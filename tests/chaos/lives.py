"""Processes of all roles, some of which are killed again and again."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import killed_roles
from traffic import CAMERA, Traffic
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from ghostpose.bus import EmbeddedServer

LIMIT_S: Final = 60.0
"""Nothing here takes so long."""

WORKS_AFTER: Final = 40
"""A process that has passed so many points is past its start."""


class Lives:
    """Starts processes, and kills them at points; none outlives the block."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        self._database = folder / "poses.sqlite"
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", killed_roles.__name__])
        self._running: list[BaseProcess] = []

    def start(
        self, role: str, log: str = "others", die_at: str | None = None, *, newer: bool = False
    ) -> BaseProcess:
        """Start one; a `newer` one speaks a newer minor version of the protocol."""
        address = f"sqlite:///{self._database}"
        arguments = (role, self._url, address, self._folder / log, die_at, newer)
        process = self._context.Process(target=killed_roles.play, args=arguments)
        process.start()
        self._running.append(process)
        return process

    def observe(self, role: str, steps: Collection[str]) -> dict[str, bool]:
        """Live until all `steps` were done; return the points, and which come only in stopping."""
        process = self.start(role, "observed")
        wanted = {f"after {step}" for step in steps}
        wait_until(lambda: wanted <= set(self._passed("observed")), f"{wanted}")
        before = set(self._passed("observed"))
        process.terminate()
        process.join(LIMIT_S)
        assert process.exitcode == 0
        return {point: point not in before for point in dict.fromkeys(self._passed("observed"))}

    def die_at(self, role: str, point: str, *, while_stopping: bool) -> None:
        """Live until a point; one that is passed in stopping is stopped before."""
        process = self.start(role, f"before {point}", point)
        if while_stopping:
            self._wait_until_it_works(process, f"before {point}")
            process.terminate()
        process.join(LIMIT_S)
        assert process.exitcode == -signal.SIGKILL, f"{role} never came to {point}"

    def _wait_until_it_works(self, process: BaseProcess, log: str) -> None:
        """Or until it has come to its point: what comes rarely may come only in another life."""
        wait_until(
            lambda: len(self._passed(log)) > WORKS_AFTER or not process.is_alive(), "it works"
        )

    def assert_stored(self, traffic: Traffic) -> None:
        """Wait until the store has caught up: a row for each frame, and each person in it."""
        counters = traffic.bus.counters(CAMERA)
        wanted = (counters.poses, counters.gaps, 3 * counters.poses)
        wait_until(lambda: self._rows() == wanted, f"{wanted} rows")

    def _rows(self) -> tuple[int, ...]:
        with sqlite3.connect(self._database) as connection:
            return tuple(
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("poses", "gaps", "people")
            )

    def _passed(self, log: str) -> list[str]:
        path = self._folder / log
        return path.read_text().splitlines() if path.exists() else []

    def kill_all(self) -> None:
        for process in self._running:
            process.kill()
            process.join()


@contextmanager
def lives(server: EmbeddedServer, folder: Path) -> Iterator[Lives]:
    made = Lives(server.url, folder)
    try:
        yield made
    finally:
        made.kill_all()
