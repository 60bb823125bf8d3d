"""A camera of the registry that this ingest has a lease of, and what is to become of it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from ingest.child import DRAIN_S, CameraProcess, reason
from ingest.cost import CostMeter
from ingest.prepare import only_prepares

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

    from ghostpose.config import CameraConfig
    from ingest.report import CameraReport

_log = logging.getLogger("ingest.PlayedCamera")


class PlayedCamera:
    """Keeps one camera playing as it is set, until it ends or is to be left.

    `token` is that of its lease; `revision` that of the settings it plays by.
    """

    def __init__(self, camera: CameraConfig, revision: int, token: int, cost: float) -> None:
        self.revision, self.token = revision, token
        self.is_lost = False
        self._one = CameraProcess(camera)
        self._known_cost = cost
        self._meter: CostMeter | None = None
        self._wanted = camera
        self._is_leaving = self._has_ended = False
        self._kill_at_s: float | None = None

    @property
    def cost(self) -> float:
        """What playing it takes, in processor cores; 0 if nobody knows yet."""
        return self._meter.cores if self._meter is not None else self._known_cost

    @property
    def settings(self) -> CameraConfig:
        """How it is to be played."""
        return self._wanted

    @property
    def sentinel(self) -> int | None:
        """What becomes ready when its process ends, if there is one."""
        return None if self._one.process is None else self._one.process.sentinel

    @property
    def has_left(self) -> bool:
        """Whether it was left and its process is gone."""
        return self._is_leaving and self._one.process is None

    @property
    def has_ended(self) -> bool:
        """Whether it came to its end by itself."""
        return self._has_ended and not self._is_leaving

    def leave(self) -> None:
        """Stop playing it for good."""
        self._is_leaving = True
        self._ask_to_end()

    def lose(self) -> None:
        """Stop playing it, since another holds its lease."""
        self.is_lost = True
        self.leave()

    def play_as(self, camera: CameraConfig, revision: int) -> None:
        """Play it by these settings from now on: within its session if they allow that."""
        changed, former = revision != self.revision, self._wanted
        self.revision, self._wanted = revision, camera
        if changed and self._one.process is None:
            self._one.backoff.failures, self._one.due_s = 0, 0.0  # somebody did something about it
        if camera == former:
            return
        if self._kill_at_s is None and only_prepares(former, camera) and self._one.adopt(camera):
            return
        self._forget_session()
        self._ask_to_end()

    def _forget_session(self) -> None:
        """Go on with none: played otherwise, a frame of a number is another."""
        self._one.session = None

    def _ask_to_end(self) -> None:
        if self._one.process is not None and self._kill_at_s is None:
            self._one.process.terminate()
            self._kill_at_s = time.monotonic() + DRAIN_S

    def start_if_due(self, context: ForkServerContext, bus_url: str, partitions: int) -> None:
        """Start its process if there is none and should be one; else measure what it takes."""
        if self._one.process is not None:
            if self._meter is not None:
                self._meter.measure()
            return
        if self._one.due_s > time.monotonic():
            return
        self._one.camera = self._wanted
        self._one.start(context, bus_url, partitions)
        process = self._one.process
        pid = process.pid if process is not None else None
        self._meter = None if pid is None else CostMeter(pid, self.cost)

    def collect(self) -> None:
        """See whether its process has ended, and kill it if it was asked to long ago."""
        process = self._one.process
        if process is None:
            return
        if process.is_alive():
            self._one.hear()
            if self._kill_at_s is not None and time.monotonic() > self._kill_at_s:
                _log.warning("camera %s: killed, since it doesn't stop", self._wanted.name)
                process.kill()
            return
        code, was_asked = self._one.collect(), self._kill_at_s is not None
        self._known_cost, self._meter, self._kill_at_s = self.cost, None, None
        if was_asked:
            self._forget_session()  # it may have told of one until its end
        else:
            self._ended_by_itself(code)

    def _ended_by_itself(self, code: int | None) -> None:
        report, name = self._one.report, self._wanted.name
        if report is not None and self._is_done(report):
            self._has_ended = True
            return
        why = f"its process ended with {reason(code)}" if report is None else report.problem
        wait_s = self._one.plan_restart()
        _log.warning(
            "%s; starts again in %.1f s, in a new session",
            why if why and name in why else f"camera {name}: {why or 'superseded'}", wait_s,
        )  # fmt: skip

    def _is_done(self, report: CameraReport) -> bool:
        """Return whether it is over: a recording always, a camera if it ended without trouble.

        Unless another plays it now, who is to say when it is: this ingest stood still for long.
        """
        if report.superseded:
            return False
        return self._wanted.policy == "every" or report.problem is None
