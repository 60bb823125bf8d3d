"""One process a camera: started, watched, started again after a crash, drained together.

Processes come from a fork server that has imported PyAV, OpenCV and the rest once: a camera then
starts several times faster than as a fresh Python process and shares the memory of the code. One
bad camera can crash its own process only.
"""

from __future__ import annotations

import logging
import multiprocessing
import multiprocessing.connection
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Final

from ghostpose.bus import Bus
from ghostpose.bus.backoff import Backoff
from ingest import camera_process
from ingest.report import CameraReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext, ForkServerProcess

    from ghostpose.config import CameraConfig

DRAIN_S: Final = 8.0
"""How long cameras may take to end their sessions after SIGTERM before they are killed; more than
twice `STOP_GRACE_S`, which a camera waits for its server."""

RECORDING_RESTARTS: Final = 3
"""How often a recording whose process crashed is started again, from its beginning, in a new
session; a live camera is started again for ever."""

STEADY_S: Final = 60.0
"""A process that ran for so long was well: the wait before its next restart is short again."""

LONGEST_WAIT_S: Final = 30.0

_log = logging.getLogger("ingest.Supervisor")


def run_ingest(
    bus_url: str,
    cameras: Sequence[CameraConfig],
    stop: threading.Event | None = None,
    *,
    recording_restarts: int = RECORDING_RESTARTS,
    partitions: int | None = None,
) -> tuple[CameraReport, ...]:
    """Play all cameras until their sources end, or until `stop`, SIGTERM or SIGINT.

    Returns one report a camera, in the order given: what became of its frames, and the sentence
    for the user if something is wrong with it. Signals are handled when `stop` is None, which
    needs the main thread. `partitions` is used only if this creates the deployment (None:
    the default).

    Raises:
        BusUnavailableError: no server answers at `bus_url` now. Later outages are waited for.
        ProtocolVersionError: the deployment there speaks another version.
    """
    with Bus.connect(bus_url, partitions=partitions) as bus:
        # A camera that finds the server emptied makes the same deployment again.
        partitions = bus.partitions
    if stop is not None:
        return Supervisor(bus_url, cameras, stop, recording_restarts, partitions).run()
    with _stopped_by_signals() as stop_by_signal:
        return Supervisor(bus_url, cameras, stop_by_signal, recording_restarts, partitions).run()


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    stop = threading.Event()
    former = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def _term_held() -> Iterator[None]:
    """Hold SIGTERM back meanwhile; a process started meanwhile lets it in once it can drain.

    The fork server inherits the hold when it is started, and camera processes inherit it there.
    Python's resource tracker, which is started before the first of them, would end the hold.
    """
    resource_tracker.ensure_running()
    former = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


@dataclass(slots=True)
class CameraProcess:
    """A camera and its process, while there is one."""

    camera: CameraConfig
    process: ForkServerProcess | None = None
    pipe: Connection | None = None
    report: CameraReport | None = None
    started_at_s: float = 0.0
    due_s: float = 0.0
    crashes: int = 0
    backoff: Backoff = field(default_factory=lambda: Backoff(0.5, LONGEST_WAIT_S))

    def start(self, context: ForkServerContext, bus_url: str, partitions: int | None) -> None:
        """Start the process."""
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=camera_process.main,
            args=(
                self.camera,
                bus_url,
                partitions,
                theirs,
                logging.getLogger().getEffectiveLevel(),
            ),
            name=f"camera {self.camera.name}",
        )
        self.process.start()
        theirs.close()
        self.started_at_s = time.monotonic()

    def collect(self) -> int | None:
        """Take the report of the process, which has ended, or return its exit code without one."""
        assert self.process is not None
        assert self.pipe is not None
        self.process.join()
        code = self.process.exitcode
        try:
            self.report = self.pipe.recv() if self.pipe.poll() else None
        except EOFError:
            self.report = None
        self.pipe.close()
        self.process.close()
        self.process = self.pipe = None
        return code if self.report is None else None


class Supervisor:
    """Runs the processes of several cameras. See `run_ingest`."""

    def __init__(
        self,
        bus_url: str,
        cameras: Sequence[CameraConfig],
        stop: threading.Event,
        recording_restarts: int = RECORDING_RESTARTS,
        partitions: int | None = None,
    ) -> None:
        self._bus_url, self._partitions, self._stop = bus_url, partitions, stop
        self._recording_restarts = recording_restarts
        self._all = [CameraProcess(camera) for camera in cameras]
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", camera_process.__name__])

    def run(self) -> tuple[CameraReport, ...]:
        """Watch until every camera has its report, or draining is over."""
        try:
            while not self._stop.is_set() and any(one.report is None for one in self._all):
                self._start_those_due()
                self._wait()
                self._collect_ended()
        finally:
            self._drain()
        return tuple(one.report or CameraReport(one.camera.name) for one in self._all)

    def _start_those_due(self) -> None:
        now = time.monotonic()
        for one in self._all:
            if one.process is None and one.report is None and one.due_s <= now:
                with _term_held():
                    one.start(self._context, self._bus_url, self._partitions)

    def _wait(self) -> None:
        """Wait until a process ends, one is due, or a signal may have come."""
        running = [one.process.sentinel for one in self._all if one.process is not None]
        multiprocessing.connection.wait(running, timeout=0.25)

    def _collect_ended(self) -> None:
        for one in self._all:
            if one.process is not None and not one.process.is_alive():
                code = one.collect()
                if one.report is None:
                    self._crashed(one, code)
                elif one.report.problem is not None and self._others_play():
                    _log.warning("%s", one.report.problem)  # the caller says it, but later

    def _others_play(self) -> bool:
        return any(one.report is None for one in self._all)

    def _crashed(self, one: CameraProcess, code: int | None) -> None:
        """Plan another start, or give the camera up."""
        now = time.monotonic()
        if now - one.started_at_s > STEADY_S:
            one.backoff.failures = 0
        one.crashes += 1
        how = _reason(code)
        if one.camera.policy == "every" and one.crashes > self._recording_restarts:
            times = f" for the {one.crashes}th time" if one.crashes > 1 else ""
            one.report = CameraReport(
                one.camera.name,
                problem=f"camera {one.camera.name}: given up: its process ended with {how}{times}",
                exit_code=1,
            )
            if self._others_play():
                _log.error("%s", one.report.problem)
            return
        wait_s = one.backoff.next_s()
        one.due_s = now + wait_s
        _log.warning(
            "camera %s: its process ended with %s; starts again in %.1f s, in a new session",
            one.camera.name, how, wait_s,
        )  # fmt: skip

    def _drain(self) -> None:
        """Ask every process to end its session, wait, and kill what doesn't."""
        running = [one for one in self._all if one.process is not None]
        for one in running:
            assert one.process is not None
            one.process.terminate()
        until = time.monotonic() + DRAIN_S
        for one in running:
            assert one.process is not None
            one.process.join(max(0.0, until - time.monotonic()))
            if one.process.is_alive():
                one.process.kill()
            code = one.collect()
            if one.report is None:
                one.report = CameraReport(
                    one.camera.name,
                    problem=f"camera {one.camera.name}: its process ended with {_reason(code)}"
                    " while stopping; the end of its session is not published",
                    exit_code=1,
                )


def _reason(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
