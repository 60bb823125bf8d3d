"""A list of cameras, one process each: started, watched, started again after a crash, drained."""

from __future__ import annotations

import logging
import multiprocessing.connection
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ghostpose.bus import Bus
from ghostpose.metrics import turned
from ghostpose.passwords import plain_password_warning
from ingest.child import DRAIN_S, CameraProcess, fork_server, reason
from ingest.report import CameraReport

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ghostpose.config import CameraConfig

RECORDING_RESTARTS: Final = 3
"""How often a recording whose process crashed is started again, to go on where it was; a live
camera is started again for ever, each time in a new session."""

_log = logging.getLogger("ingest.Supervisor")


def run_ingest(
    bus_url: str,
    cameras: Sequence[CameraConfig],
    stop: threading.Event,
    *,
    recording_restarts: int = RECORDING_RESTARTS,
    partitions: int | None = None,
    former: Mapping[str, int] = MappingProxyType({}),
    leave_open: bool = False,
    opened: Callable[[int], None] | None = None,
) -> tuple[CameraReport, ...]:
    """Play all cameras until their sources end, or until `stop`.

    Returns one report a camera, in the order given: what became of its frames, and the sentence
    for the user if something is wrong with it. `partitions` is used only if this creates the
    deployment (None: the default). `former`: sessions that recordings go on with; `leave_open`: one
    that is stopped before its end leaves its session to be gone on with. `opened` is told each
    session in the camera's process, before its first frame, so it must be picklable.

    Raises:
        BusUnavailableError: no server answers at `bus_url` now. Later outages are waited for.
        ProtocolVersionError: the deployment there speaks another version.
    """
    with Bus.connect(bus_url, partitions=partitions) as bus:
        # A camera that finds the server emptied makes the same deployment again.
        partitions = bus.partitions
    played = [
        CameraProcess(one, former.get(one.name), leave_open=leave_open, opened=opened)
        for one in cameras
    ]
    return Supervisor(bus_url, played, stop, recording_restarts, partitions).run()


def warn_of_plain_passwords(cameras: Iterable[CameraConfig]) -> None:
    """Name the better way for each camera whose address holds a password."""
    for camera in cameras:
        if warning := plain_password_warning(f"camera {camera.name}", camera.source):
            _log.warning("%s", warning)


class Supervisor:
    """Runs the processes of several cameras. See `run_ingest`."""

    def __init__(
        self,
        bus_url: str,
        played: Sequence[CameraProcess],
        stop: threading.Event,
        recording_restarts: int = RECORDING_RESTARTS,
        partitions: int | None = None,
    ) -> None:
        self._bus_url, self._partitions, self._stop = bus_url, partitions, stop
        self._recording_restarts = recording_restarts
        self._all = played
        self._context = fork_server()

    def run(self) -> tuple[CameraReport, ...]:
        """Watch until every camera has its report, or draining is over."""
        warn_of_plain_passwords(one.camera for one in self._all)
        try:
            while not self._stop.is_set() and any(one.report is None for one in self._all):
                turned("ingest")
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
                one.start(self._context, self._bus_url, self._partitions)

    def _wait(self) -> None:
        """Wait until a process ends, one is due, or a signal may have come."""
        running = [one.process.sentinel for one in self._all if one.process is not None]
        multiprocessing.connection.wait(running, timeout=0.25)

    def _collect_ended(self) -> None:
        for one in self._all:
            if one.process is None:
                continue
            if one.process.is_alive():
                one.hear()
            else:
                code = one.collect()
                if one.report is None:
                    self._crashed(one, code)
                elif one.report.problem is not None and self._others_play():
                    _log.warning("%s", one.report.problem)  # the caller says it, but later

    def _others_play(self) -> bool:
        return any(one.report is None for one in self._all)

    def _crashed(self, one: CameraProcess, code: int | None) -> None:
        """Plan another start, or give the camera up."""
        wait_s, how = one.plan_restart(), reason(code)
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
        _log.warning(
            "camera %s: its process ended with %s; starts again in %.1f s",
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
                    problem=f"camera {one.camera.name}: its process ended with {reason(code)}"
                    " while stopping; the end of its session is not published",
                    exit_code=1,
                )
