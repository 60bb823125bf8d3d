"""What is heard of a camera's process: processes that say or miss more than usual."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waiting import wait_until

from ghostpose.stopping import let_stop_signals_in
from ingest import camera_process
from ingest.child import CameraProcess, fork_server
from ingest.played import PlayedCamera
from ingest.report import CameraReport
from ingest.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from ghostpose.config import CameraConfig

    MakeCamera = Callable[..., CameraConfig]

SESSIONS = 1000
"""More than fit into a pipe that nobody reads: 278."""


def flap(camera: CameraConfig, *arguments: Any) -> None:
    """Be the process of a camera that was opened again and again, and then ended."""
    pipe = arguments[3]
    for session in range(SESSIONS):
        pipe.send(session)
    pipe.send(CameraReport(camera.name))


def hang(_: CameraConfig, *__: Any) -> None:
    """Be a process in which native code holds Python up: it hears nothing."""
    time.sleep(600)


def resume(camera: CameraConfig, *arguments: Any) -> None:
    """Be a process that says with which session it goes on, opens its own, and plays for long."""
    with Path(camera.source).open("a") as file:
        file.write(f"{arguments[2]}\n")
    arguments[3].send(7)
    let_stop_signals_in()
    time.sleep(600)


def test_a_camera_that_is_opened_a_thousand_times_goes_on(
    camera: MakeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_process, "main", flap)
    one = CameraProcess(camera("x", policy="latest"))
    supervisor = Supervisor("", [one], threading.Event())
    thread = threading.Thread(target=supervisor.run, daemon=True)
    thread.start()
    wait_until(lambda: not thread.is_alive(), "the end of a camera with many sessions")
    assert (one.session, one.report) == (SESSIONS - 1, CameraReport("cam"))


def test_a_camera_of_the_registry_that_is_opened_a_thousand_times_goes_on(
    camera: MakeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_process, "main", flap)
    played = PlayedCamera(camera("x", policy="latest"), revision=1, token=1, cost=0.0)
    played.start_if_due(fork_server(), "", 1)

    def has_ended() -> bool:
        played.collect()
        return played.has_ended

    wait_until(has_ended, "the end of a camera with many sessions")


def test_a_recording_that_is_played_otherwise_does_not_go_on_with_its_session(
    camera: MakeCamera, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(camera_process, "main", resume)
    lives, context = tmp_path / "lives", fork_server()
    lives.touch()
    played = PlayedCamera(camera(lives), revision=1, token=1, cost=0.0)
    played.start_if_due(context, "", 1)
    wait_until(lambda: lives.read_text() == "None\n", "the first life")
    played.play_as(camera(lives, fps=2), revision=2)
    wait_until(lambda: played.collect() or played.sentinel is None, "its end")
    played.start_if_due(context, "", 1)
    wait_until(lambda: lives.read_text() == "None\nNone\n", "the second, in a session of its own")
    played.leave()
    wait_until(lambda: played.collect() or played.has_left, "its end")


def test_a_process_that_dies_before_it_heard_its_new_settings_is_one_that_died(
    camera: MakeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_process, "main", hang)
    one = CameraProcess(camera("x", policy="latest"))
    one.start(fork_server(), "", None)
    assert one.process is not None
    assert one.process.pid is not None
    assert one.adopt(camera("x", policy="latest", fps=2))
    os.kill(one.process.pid, signal.SIGKILL)
    assert one.collect() == -signal.SIGKILL
    assert one.report is None
