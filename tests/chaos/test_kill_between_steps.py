"""A process of each role is killed after each of its steps; whoever is next loses nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import sys
import threading
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import killed_roles
import pytest
import redis
import samples
from traffic import CAMERA, Traffic, wait_until

from ghostpose.bus.steps import Step
from ghostpose.config import CameraConfig
from ingest import camera_process, child
from ingest.supervisor import run_ingest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from ghostpose.bus import EmbeddedServer

pytestmark = pytest.mark.timeout(600)

LIMIT_S = 60.0
STEPS = {
    "inference": {"take", "claim", "hold", "finish maps", "finish gap", "bury", "mend", "leave"},
    "postprocess": {"lease take", "lease renew", "lease release", "take_maps", "commit pose"}
    | {"commit gap", "bury", "mend"},
    "store": {"xreadgroup", "xack"},
    "ingest": {"open_session", "publish", "end_session"},
}
"""What each role must have been seen to do, for the test to be worth something."""


class Lives:
    """Processes of all roles; one role's is killed again and again."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        self.database = folder / "poses.sqlite"
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", killed_roles.__name__])
        self._running: list[BaseProcess] = []

    def start(self, role: str, log: str = "others", die_at: str | None = None) -> BaseProcess:
        address = f"sqlite:///{self.database}"
        arguments = (role, self._url, address, self._folder / log, die_at)
        process = self._context.Process(target=killed_roles.play, args=arguments)
        process.start()
        self._running.append(process)
        return process

    def passed(self, log: str) -> list[str]:
        path = self._folder / log
        return path.read_text().splitlines() if path.exists() else []

    def observe(self, role: str) -> dict[str, bool]:
        """Live a whole life; return the points that it passes, and which only when it stops."""
        process = self.start(role, "observed")
        wanted = {f"after {step}" for step in STEPS[role] - {"leave", "lease release"}}
        wait_until(lambda: wanted <= set(self.passed("observed")), f"{wanted}")
        before = set(self.passed("observed"))
        self.end(process)
        return {point: point not in before for point in dict.fromkeys(self.passed("observed"))}

    def die_at(self, role: str, point: str, *, while_stopping: bool) -> None:
        process = self.start(role, f"before {point}", point)
        if while_stopping:
            wait_until(lambda: len(self.passed(f"before {point}")) > 40, "it works")
            process.terminate()
        process.join(LIMIT_S)
        assert process.exitcode == -signal.SIGKILL, f"{role} never came to {point}"

    def end(self, process: BaseProcess) -> None:
        process.terminate()
        process.join(LIMIT_S)
        assert process.exitcode == 0

    def kill_all(self) -> None:
        for process in self._running:
            process.kill()
            process.join()


@pytest.fixture(autouse=True)
def preload(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the fork server find our module: it looks where its environment says, nowhere else."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))


@contextmanager
def lives(server: EmbeddedServer, folder: Path) -> Iterator[Lives]:
    made = Lives(server.url, folder)
    try:
        yield made
    finally:
        made.kill_all()


def is_worth_dying_at(point: str) -> bool:
    """After each step; before it too where a step without a reply lies between."""
    return point.startswith("after ") or point in {"before xack", "before database commit"}


@pytest.mark.parametrize("role", ["inference", "postprocess", "store"])
def test_a_process_killed_between_any_two_steps_loses_and_doubles_nothing(
    role: str, server: EmbeddedServer, tmp_path: Path
) -> None:
    with lives(server, tmp_path) as processes, Traffic(server.url) as traffic:
        for other in {"inference", "postprocess", "store"} - {role}:
            processes.start(other)
        points = processes.observe(role)
        for point, while_stopping in points.items():
            if is_worth_dying_at(point):
                processes.die_at(role, point, while_stopping=while_stopping)
        last = processes.start(role)
        traffic.stop()
        wait_until(traffic.is_settled, "every frame has its outcome")
        traffic.assert_ledger_balances()
        assert_stored(processes.database, traffic)
        processes.end(last)


def assert_stored(database: Path, traffic: Traffic) -> None:
    """Wait until the store has caught up: a row for each frame, and for each person in it."""
    counters = traffic.bus.counters(CAMERA)
    wanted = (counters.poses, counters.gaps, 3 * counters.poses)

    def rows() -> tuple[int, ...]:
        with sqlite3.connect(database) as connection:
            return tuple(
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("poses", "gaps", "people")
            )

    wait_until(lambda: rows() == wanted, f"{wanted} rows")


def test_a_recording_killed_between_any_two_steps_is_published_once(
    server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_process, "main", killed_roles.camera_main)
    monkeypatch.setattr(child, "LONGEST_WAIT_S", 0.05)
    with lives(server, tmp_path) as processes, Traffic(server.url) as traffic:
        for role in ("inference", "postprocess", "store"):
            processes.start(role)
        traffic.stop()
        observed = play(server.url, [], frames=8)
        assert {f"after {step}" for step in STEPS["ingest"]} <= set(observed)
        points = [point for point in observed if is_worth_dying_at(point)]
        camera = f"ghostpose-{uuid.uuid4().hex}"
        play(server.url, points, frames=60, camera=camera)
        wait_until(lambda: traffic.bus.counters(camera).in_flight == 0, "all committed")
        key = traffic.bus.keys.poses(camera)
        poses = [_place(entry) for entry in traffic.bus.client.xrange(key)]
        assert [seq for _, seq, _ in poses] == list(range(60))
        assert [round(10 * media_time) for _, _, media_time in poses] == list(range(60))
        assert len({session for session, _, _ in poses}) == 1
        assert traffic.bus.counters(camera).sessions_ended == 1


def _place(entry: tuple[bytes, dict[bytes, bytes]]) -> tuple[int, int, float]:
    message = samples.message_of(entry)
    return message["session"], message["seq"], message["media_time"]


def play(url: str, points: list[str], frames: int, camera: str = "") -> list[str]:
    """Play a recording whose process is killed at each point; return the points it passed."""
    camera = camera or f"ghostpose-{uuid.uuid4().hex}"
    folder = killed_roles.plan_folder(camera)
    folder.mkdir()
    (folder / "plan").write_text("\n".join(points))
    source = f"pattern:frames={frames}&fps=10&width=64&height=48&people=1"
    config = CameraConfig(name=camera, source=source, policy="every", height=64)
    (report,) = run_ingest(
        url, [config], threading.Event(), recording_restarts=len(points), partitions=2
    )
    assert (report.problem, report.tally.read, report.tally.published) == (None, frames, frames)
    assert len((folder / "lives").read_text().split()) == len(points) + 1
    return list(dict.fromkeys((folder / "log").read_text().splitlines()))


def test_production_code_has_no_points_of_its_own() -> None:
    """They cost nothing because they are not there: the child wraps redis-py's one door."""
    assert redis.Redis.execute_command.__module__ == "redis.client"
    assert {step for role in STEPS.values() for step in role if step in {s.value for s in Step}}
