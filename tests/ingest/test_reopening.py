"""A source that broke is opened again for ever; one that hangs is left behind."""

from __future__ import annotations

import faulthandler
import logging
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from waiting import wait_until

from ghostpose.errors import CredentialsError, SourceError
from ingest import opening
from ingest.dead_man import dead_man_switch
from ingest.opening import Opening, StuckError
from ingest.reopening import LONGEST_REFUSED_WAIT_S, LONGEST_WAIT_S, Reopening

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.config import CameraConfig


class Waits(threading.Event):
    """Remembers how long it was asked to wait instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.waits_s: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits_s.append(timeout or 0.0)
        return False


def test_waits_grow_to_a_few_seconds_and_never_end() -> None:
    stop = Waits()
    reopening = Reopening("cam", stop)
    assert all(reopening.wait(SourceError("gone")) for _ in range(100))
    assert stop.waits_s[0] <= 0.5
    assert all(LONGEST_WAIT_S / 2 <= wait <= LONGEST_WAIT_S for wait in stop.waits_s[10:])
    assert len(set(stop.waits_s)) > 90, "jittered"
    assert reopening.reconnects == 100


def test_a_refused_password_is_tried_less_and_less_often() -> None:
    stop = Waits()
    reopening = Reopening("cam", stop)
    for _ in range(20):
        reopening.wait(CredentialsError("refused"))
    assert LONGEST_REFUSED_WAIT_S / 2 <= stop.waits_s[-1] <= LONGEST_REFUSED_WAIT_S
    assert sum(stop.waits_s[:5]) < 16, "one corrected soon is noticed soon"


def test_a_problem_is_said_once_and_again_after_it_played(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reopening = Reopening("cam", Waits())
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            reopening.wait(SourceError("camera cam: gone"))
        reopening.plays()
        reopening.wait(SourceError("camera cam: gone"))
    assert caplog.text.count("camera cam: gone") == 2
    assert caplog.text.count("plays again") == 1


def test_a_stop_ends_the_wait() -> None:
    stop = threading.Event()
    stop.set()
    assert not Reopening("cam", stop).wait(SourceError("gone"))


class HangingSource:
    """Stands for a driver that doesn't return until it is let go."""

    def __init__(self) -> None:
        self.go, self.closed = threading.Event(), threading.Event()

    def open(self, _: CameraConfig) -> HangingSource:
        assert self.go.wait(60)
        return self

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> HangingSource:
    source = HangingSource()
    monkeypatch.setattr(opening, "_opened", source.open)
    return source


def test_an_opening_that_hangs_does_not_hold_up_a_stop(
    hanging: HangingSource, camera: Callable[..., CameraConfig]
) -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    assert Opening(camera("x")).wait(stop) is None
    hanging.go.set()
    assert hanging.closed.wait(60), "what opens after all is closed again"


def test_an_opening_that_hangs_for_long_asks_for_another_process(
    hanging: HangingSource, camera: Callable[..., CameraConfig]
) -> None:
    with pytest.raises(StuckError, match="camera cam: opening its source hangs"):
        Opening(camera("x")).wait(threading.Event(), stuck_s=0.2)
    hanging.go.set()
    assert hanging.closed.wait(60)


def test_a_decoders_surprise_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, camera: Callable[..., CameraConfig]
) -> None:
    def surprise(_: CameraConfig) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(opening, "_opened", surprise)
    with pytest.raises(SourceError, match=r"camera cam: .* \(ZeroDivisionError\)"):
        Opening(camera("x")).wait(threading.Event())


HELD_UP = """
import ctypes
from ingest.dead_man import dead_man_switch
with dead_man_switch(held_up_s=0.5):
    ctypes.PyDLL(None).sleep(60)  # a native call that keeps Python itself from running
"""


def test_a_native_call_that_holds_python_up_ends_the_process() -> None:
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    process = subprocess.run(
        [sys.executable, "-c", HELD_UP], env=environment, capture_output=True, timeout=60
    )
    assert process.returncode == 1
    assert b"Timeout" in process.stderr


def test_a_process_that_runs_puts_its_end_off_many_times_before_it_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only told of it: on a machine that stalls, a short one would come to an end that runs."""
    told: list[float | None] = []
    later, never = "dump_traceback_later", "cancel_dump_traceback_later"
    monkeypatch.setattr(faulthandler, later, lambda held_up_s, **_: told.append(held_up_s))
    monkeypatch.setattr(faulthandler, never, lambda: told.append(None))
    began_s = time.monotonic()
    with dead_man_switch(held_up_s=0.6):
        wait_until(lambda: len(told) > 12, "putting it off")
    assert time.monotonic() - began_s > 1.0, "six times in that time, not all the time"
    assert told == [*[0.6] * (len(told) - 1), None]
