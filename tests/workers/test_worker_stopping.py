"""How a worker stops: at a server that is away, and by a signal that wakes nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, cast

from waiting import wait_until

from ghostpose.bus import FrameDelivery, FrameReader
from ghostpose.errors import BusUnavailableError
from workers import outlet
from workers.counts import Counts
from workers.engines.stub import standing_people
from workers.holding import Holding
from workers.outlet import Done, Outlet

if TYPE_CHECKING:
    import pytest
    from roles import Pipeline

    from ghostpose.bus import Bus, EmbeddedServer


class _Away:
    """A reader whose server doesn't answer."""

    def __init__(self) -> None:
        self.tried: set[str] = set()

    def finish_encoded(self, delivery: FrameDelivery, *_: object, **__: object) -> bool:
        self.tried.add(delivery.entry_id)
        raise BusUnavailableError("nobody answers")


def test_a_worker_that_is_to_stop_waits_once_for_a_server_that_is_away(
    bus: Bus, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for each of the frames that it holds."""
    monkeypatch.setattr(outlet, "STOP_GRACE_S", 0.0)
    pipeline.publish(3)
    deliveries = FrameReader(bus, "worker").take(3, 0)
    stop, away, holding = threading.Event(), _Away(), Holding(FrameReader(bus, "worker"), 6.0)
    stop.set()
    holding.add(deliveries)
    reader = cast("FrameReader", away)
    with Outlet(reader, holding, Counts(), stop, codec="compact", batch=1) as out:
        for delivery in deliveries:
            out.end(Done(delivery, standing_people(8, 16)))
    assert away.tried == {deliveries[0].entry_id}
    assert holding.held() == [], "all are left to others"


ELSEWHERE = """
import signal, sys, threading
from app.stopping import stop_event
from workers.loop import run_inference
from workers.options import WorkerOptions

stop = stop_event()
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # in this thread only
run_inference(sys.argv[1], WorkerOptions(engine="stub:0"), stop)
"""


def test_an_idle_worker_hears_a_signal_that_does_not_wake_its_main_thread(
    server: EmbeddedServer, bus: Bus
) -> None:
    """As one does that comes just before it falls asleep; here another thread takes it."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen([sys.executable, "-c", ELSEWHERE, server.url], env=environment)
    try:
        wait_until(lambda: process.pid in {beat.pid for beat in bus.workers()}, "it works")
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
