"""One camera's process: started from a fork server, asked to end, and what it came to.

Processes come from a fork server that has imported PyAV, OpenCV and the rest once: a camera then
starts several times faster than as a fresh Python process and shares the memory of the code. One
bad camera can crash its own process only.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Final

from ghostpose.bus.backoff import Backoff
from ghostpose.logs import log_settings
from ghostpose.sockets import shorten_multiprocessing_sockets
from ghostpose.stopping import stop_signals_held
from ingest import camera_process
from ingest.report import CameraReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext, ForkServerProcess

    from ghostpose.config import CameraConfig

DRAIN_S: Final = 8.0
"""How long cameras may take to end their sessions after SIGTERM before they are killed; more than
twice `STOP_GRACE_S`, which a camera waits for its server."""

STEADY_S: Final = 60.0
"""A process that ran for so long was well: the wait before its next restart is short again."""

LONGEST_WAIT_S: Final = 30.0


def fork_server() -> ForkServerContext:
    """Return what camera processes are started from.

    Raises:
        ConfigError: there is no folder for its socket.
    """
    shorten_multiprocessing_sockets()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", camera_process.__name__])
    return context


@dataclass(slots=True)
class CameraProcess:
    """A camera and its process, while there is one.

    `due_s`: when to start it, monotonic; `session`: the newest that it opened; `leave_open`: if it
    is stopped before its end, it doesn't end its session; `opened`: is told each session in the
    process, before its first frame, so it must be picklable; `last_words`: the report of a process
    that is still there.
    """

    camera: CameraConfig
    session: int | None = None
    leave_open: bool = False
    opened: Callable[[int], None] | None = None
    process: ForkServerProcess | None = None
    pipe: Connection | None = None
    report: CameraReport | None = None
    last_words: CameraReport | None = None
    started_at_s: float = 0.0
    due_s: float = 0.0
    crashes: int = 0
    backoff: Backoff = field(default_factory=lambda: Backoff(0.5, LONGEST_WAIT_S))

    def start(self, context: ForkServerContext, bus_url: str, partitions: int | None) -> None:
        """Start the process, which holds stop signals back until it can drain.

        The fork server inherits the hold when it is started, and camera processes inherit it there.
        """
        # Before the hold, which Python's resource tracker would end as it is started.
        resource_tracker.ensure_running()
        with stop_signals_held():
            self._start(context, bus_url, partitions)
        self.started_at_s = time.monotonic()

    def _start(self, context: ForkServerContext, bus_url: str, partitions: int | None) -> None:
        pipe, theirs = context.Pipe()
        process = context.Process(
            target=camera_process.main,
            args=(
                self.camera,
                bus_url,
                partitions,
                self.session,
                theirs,
                log_settings(),
                self.leave_open,
                self.opened,
            ),
            name=f"camera {self.camera.name}",
        )
        process.start()
        theirs.close()
        self.pipe, self.process = pipe, process  # now: one that did not start can't be stopped

    def adopt(self, camera: CameraConfig) -> bool:
        """Tell the process, if there is one, to go on by these settings; False: there is none."""
        if self.pipe is None:
            return False
        self.camera = camera
        try:
            self.pipe.send(camera)
        except OSError:
            return False  # it is ending
        return True

    def collect(self) -> int | None:
        """Take the report of the process, which has ended, or return its exit code without one."""
        assert self.process is not None
        assert self.pipe is not None
        self.process.join()
        code = self.process.exitcode
        self.hear()
        self.report, self.last_words = self.last_words, None
        self.pipe.close()
        self.process.close()
        self.process = self.pipe = None
        return code if self.report is None else None

    def hear(self) -> None:
        """Take all that the process has said until now.

        To be called now and then: after a few hundred sessions that nobody hears of, the pipe is
        full, and the process waits for ever.
        """
        assert self.pipe is not None
        with suppress(EOFError, OSError):  # it is gone, maybe without having heard all itself
            while self.pipe.poll():
                news = self.pipe.recv()
                if isinstance(news, CameraReport):
                    self.last_words = news
                else:
                    self.session = news

    def plan_restart(self) -> float:
        """Count a crash and put the next start off; return for how long, in seconds."""
        now = time.monotonic()
        if now - self.started_at_s > STEADY_S:
            self.backoff.failures = 0
        self.crashes += 1
        wait_s = self.backoff.next_s()
        self.due_s = now + wait_s
        return wait_s


def reason(code: int | None) -> str:
    """Return how a process ended, in words."""
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
