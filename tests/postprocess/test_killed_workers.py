"""Frames in, poses out, over real processes that are killed: each frame once, in order."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import samples
from waiting import PATIENT_S, wait_until

from ghostpose.bus import Bus, FramePublisher, Full, Published
from ghostpose.client import PoseReader
from ghostpose.types import PoseMessage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghostpose.bus import EmbeddedServer

ROOT = Path(__file__).parents[2]
LIMIT_S = 60.0
FRAMES = 60
CAMERAS = ("lobby", "yard", "gate")

INFERENCE = """
import sys
from app.stopping import stop_event
from workers.loop import run_inference
from workers.options import WorkerOptions
options = WorkerOptions(engine="stub:15", batch=2, min_idle_s=1.0, max_deliveries=100)
run_inference(sys.argv[1], options, stop_event())
"""

POSTPROCESS = """
import sys
from app.stopping import stop_event
from postprocess.loop import run_postprocess
from postprocess.options import PostprocessOptions
run_postprocess(sys.argv[1], stop_event(), PostprocessOptions(lease_ttl_s=1.0))
"""


class Fleet:
    """Two processes of each role, until the block ends."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.running: dict[str, list[subprocess.Popen[bytes]]] = {INFERENCE: [], POSTPROCESS: []}

    def start(self, role: str) -> None:
        command = [sys.executable, "-c", role, self._url]
        self.running[role].append(subprocess.Popen(command, cwd=ROOT))

    def kill_one(self, role: str) -> None:
        victim = self.running[role].pop(0)
        victim.kill()
        victim.wait()

    def pids(self) -> set[int]:
        return {process.pid for processes in self.running.values() for process in processes}

    def drain(self) -> list[int]:
        """Ask all to stop; return their exit codes."""
        everyone = [process for processes in self.running.values() for process in processes]
        for process in everyone:
            process.terminate()
        return [process.wait(LIMIT_S) for process in everyone]


@contextmanager
def fleet(server: EmbeddedServer, bus: Bus) -> Iterator[Fleet]:
    processes = Fleet(server.url)
    try:
        for role in (INFERENCE, POSTPROCESS) * 2:
            processes.start(role)
        wait_for(lambda: len(bus.workers()) == 4)
        yield processes
    finally:
        for running in processes.running.values():
            for process in running:
                process.kill()
                process.wait()


wait_for = partial(wait_until, what="what this test waits for", limit_s=LIMIT_S)


@contextmanager
def publishing(server: EmbeddedServer) -> Iterator[None]:
    """Publish `FRAMES` frames of each camera, each in a thread, as fast as credit allows."""
    failures: list[BaseException] = []

    def publish(camera: str) -> None:
        try:
            with Bus.connect(server.url, timeout_s=PATIENT_S) as bus:
                _publish_all(bus, camera)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=publish, args=(camera,)) for camera in CAMERAS]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(LIMIT_S)
        assert not thread.is_alive()
    assert not failures


def _publish_all(bus: Bus, camera: str) -> None:
    bus.register_camera(camera, policy="every", credit=6)
    publisher = FramePublisher(bus, camera)
    publisher.open_session()
    for number in range(FRAMES):
        frame = samples.info(0.1 * (number + 1)), samples.picture(496, 368)
        while isinstance(answer := publisher.publish(*frame), Full):
            publisher.wait_for_credit(answer, LIMIT_S)
        assert isinstance(answer, Published)
    publisher.end(frames_read=FRAMES, skipped={})


def settled(bus: Bus) -> bool:
    return all(bus.counters(camera).sessions_ended == 1 for camera in CAMERAS)


def poses_done(bus: Bus) -> int:
    return sum(bus.counters(camera).poses for camera in CAMERAS)


def assert_every_frame_once_and_in_order(server: EmbeddedServer, bus: Bus) -> None:
    with PoseReader(server.url, start="begin") as reader:
        messages: list[PoseMessage] = []
        while records := reader.read(block_s=0.0, count=1000):
            messages += [r.message for r in records if isinstance(r.message, PoseMessage)]
    for camera in CAMERAS:
        of_camera = [message for message in messages if message.camera == camera]
        assert [message.seq for message in of_camera] == list(range(FRAMES))
        assert {person.track for message in of_camera for person in message.people} == {
            f"{camera}-{number}" for number in (1, 2, 3)
        }
        counters = bus.counters(camera)
        assert (counters.published, counters.poses, counters.gaps) == (FRAMES, FRAMES, 0)
    for partition in range(bus.partitions):
        assert bus.client.xlen(bus.keys.frames(partition)) == 0
        assert bus.client.xlen(bus.keys.maps(partition)) == 0


def test_killed_workers_lose_and_double_nothing(server: EmbeddedServer, bus: Bus) -> None:
    with fleet(server, bus) as processes:
        with publishing(server):
            for done, role in ((20, POSTPROCESS), (40, INFERENCE)):
                wait_for(lambda least=done: poses_done(bus) >= least)
                processes.kill_one(role)
                processes.start(role)
            wait_for(lambda: settled(bus))
        wait_for(lambda: processes.pids() <= {beat.pid for beat in bus.workers()})
        assert processes.drain() == [0, 0, 0, 0]
    assert_every_frame_once_and_in_order(server, bus)
