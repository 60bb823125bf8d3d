"""Processes of cameras, started and stopped for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
from waiting import wait_until

from ghostpose.bus import Bus
from ghostpose.errors import BusUnavailableError
from ingest.report import CameraReport, exit_code_of
from ingest.supervisor import run_ingest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest_fakes import Consumer

    from ghostpose.bus import EmbeddedServer
    from ghostpose.config import CameraConfig

    MakeCamera = Callable[..., CameraConfig]

ENDLESS = "pattern:width=64&height=48"


class RunningIngest:
    """`run_ingest` in a thread."""

    def __init__(self, url: str, cameras: list[CameraConfig], **options: int) -> None:
        self.stop = threading.Event()
        self.reports: tuple[CameraReport, ...] | None = None
        self._thread = threading.Thread(
            target=self._run, args=(url, cameras), kwargs=options, daemon=True
        )
        self._thread.start()

    def _run(self, url: str, cameras: list[CameraConfig], **options: int) -> None:
        self.reports = run_ingest(url, cameras, self.stop, **options)

    def join(self) -> tuple[CameraReport, ...]:
        self._thread.join(60)
        assert self.reports is not None, "ingest ended with reports"
        return self.reports


def pid_of(bus: Bus, camera: str) -> int:
    """Wait for a camera's first heartbeat and return its process."""
    found: list[int] = []

    def look() -> bool:
        found[:] = [beat.pid for beat in bus.workers() if f"-{camera}-" in beat.worker]
        return bool(found)

    wait_until(look, f"a heartbeat of {camera}")
    return found[0]


def test_each_camera_plays_in_its_own_process_and_a_bad_one_harms_no_other(
    consumer: Consumer, bus: Bus, server: EmbeddedServer, clip: Path, camera: MakeCamera
) -> None:
    pattern = camera("pattern:frames=50&width=64&height=48", name="pattern", height=64)
    missing = camera("/nowhere.mp4", name="missing")
    reports = run_ingest(
        server.url, [camera(clip, name="clip", fps=5), missing, pattern], threading.Event()
    )
    assert [(r.camera, r.tally.published, r.exit_code) for r in reports] == [
        ("clip", 120, 0),
        ("missing", 0, 2),
        ("pattern", 50, 0),
    ]
    assert reports[1].problem == "camera missing: there is no file /nowhere.mp4"
    assert exit_code_of(reports) == 2
    consumer.wait_for(lambda: len(consumer.ends) == 2, "the end of both sessions")
    assert len(consumer.frames) == 170
    assert bus.counters("missing").published == 0


def test_a_killed_camera_starts_again_in_a_new_session(
    consumer: Consumer, bus: Bus, server: EmbeddedServer, camera: MakeCamera
) -> None:
    ingest = RunningIngest(server.url, [camera(ENDLESS, policy="latest", height=64)])
    consumer.wait_for(lambda: len(consumer.frames) > 3, "some frames")
    os.kill(pid_of(bus, "cam"), signal.SIGKILL)
    consumer.wait_for(
        lambda: len({frame.id.session for frame in consumer.frames}) == 2, "a new session"
    )
    ingest.stop.set()
    (report,) = ingest.join()
    assert report.problem is None
    consumer.wait_for(lambda: len(consumer.ends) == 1, "the end of the second session")
    first, second = sorted({frame.id.session for frame in consumer.frames})
    assert consumer.ends[0].id.session == second
    assert [f.id.seq for f in consumer.frames if f.id.session == second] == list(
        range(report.tally.published)
    )
    tickets = [frame.id.ticket for frame in consumer.frames]
    assert tickets == sorted(set(tickets))
    assert first < second


def test_a_recording_that_keeps_crashing_is_given_up(
    consumer: Consumer,
    bus: Bus,
    server: EmbeddedServer,
    camera: MakeCamera,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cameras = [camera(ENDLESS, height=64), camera(ENDLESS, name="other", height=64)]
    ingest = RunningIngest(server.url, cameras, recording_restarts=0)
    os.kill(pid_of(bus, "cam"), signal.SIGKILL)
    wait_until(lambda: "given up" in caplog.text, "giving up")
    wait_until(lambda: bus.counters("other").published > 0, "a frame of the other camera")
    ingest.stop.set()
    given_up, other = ingest.join()
    assert given_up.problem == "camera cam: given up: its process ended with signal SIGKILL"
    assert given_up.exit_code == 1
    assert other.problem is None
    assert other.tally.published > 0


def test_ingest_that_comes_first_creates_the_deployment_as_configured(
    server: EmbeddedServer, camera: MakeCamera
) -> None:
    run_ingest(server.url, [camera("/nowhere.mp4")], threading.Event(), partitions=3)
    with Bus.connect(server.url) as bus:
        assert bus.partitions == 3


SCRIPT = """
import sys
from ghostpose.config import CameraConfig
from ghostpose.stopping import stop_on_signals
from ingest.report import exit_code_of
from ingest.supervisor import run_ingest

if __name__ == "__main__":
    source = "pattern:width=64&height=48"
    camera = CameraConfig(name="cam", source=source, policy="every", height=64)
    with stop_on_signals() as stop:
        reports = run_ingest(sys.argv[1], [camera], stop)
    sys.exit(exit_code_of(reports))
"""


@pytest.fixture
def program(tmp_path: Path, server: EmbeddedServer) -> Callable[[], subprocess.Popen[bytes]]:
    script = tmp_path / "ingest_program.py"
    script.write_text(SCRIPT)

    def start() -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        return subprocess.Popen(
            [sys.executable, str(script), server.url], env=environment, start_new_session=True
        )

    return start


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_a_signal_drains_all_cameras_and_the_program_ends_well(
    number: signal.Signals, consumer: Consumer, program: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = program()
    try:
        consumer.wait_for(lambda: len(consumer.frames) > 3, "some frames")
        # As a terminal does it, Ctrl-C reaches the cameras' processes too.
        os.killpg(process.pid, number) if number is signal.SIGINT else process.send_signal(number)
        assert process.wait(60) == 0
        consumer.wait_for(lambda: len(consumer.ends) == 1, "the end of the session")
        assert len(consumer.frames) == consumer.ends[0].id.seq
    finally:
        process.kill()


def test_cameras_end_their_sessions_when_the_supervisor_is_killed(
    consumer: Consumer, bus: Bus, program: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = program()
    try:
        pid = pid_of(bus, "cam")
    finally:
        process.kill()
    process.wait(60)
    consumer.wait_for(lambda: len(consumer.ends) == 1, "the end of the session")
    wait_until(lambda: not alive(pid), "the end of the camera's process")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_password_in_an_address_is_warned_of_once_and_not_shown(
    server: EmbeddedServer, camera: MakeCamera, caplog: pytest.LogCaptureFixture
) -> None:
    cameras = [camera("gopher://admin:s3cret@10.0.0.5/", name="door")]
    (report,) = run_ingest(server.url, cameras, threading.Event())
    assert caplog.text.count("camera door: the password stands in its address") == 1
    assert "s3cret" not in f"{caplog.text} {report}"


def test_without_a_server_nothing_is_started(
    tmp_path: Path, camera: MakeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bus, "connect", staticmethod(partial(Bus.connect, timeout_s=0.2)))
    with pytest.raises(BusUnavailableError):
        run_ingest(f"unix://{tmp_path}/none.sock", [camera(ENDLESS)], threading.Event())


def test_the_worst_exit_code_counts() -> None:
    def report(code: int) -> CameraReport:
        return CameraReport("cam", exit_code=code)

    assert exit_code_of(()) == 0
    assert exit_code_of((report(0), report(2))) == 2
    assert exit_code_of((report(2), report(1), report(0))) == 1
