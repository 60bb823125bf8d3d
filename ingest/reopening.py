"""When a live source that broke is opened again: for ever, with growing, jittered waits."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ghostpose.bus.backoff import Backoff
from ghostpose.errors import CredentialsError

if TYPE_CHECKING:
    import threading

FIRST_WAIT_S: Final = 0.5

LONGEST_WAIT_S: Final = 5.0
"""So soon a camera that is back is found again."""

LONGEST_REFUSED_WAIT_S: Final = 60.0
"""The same after a refused password: many cameras lock out who tries often."""

STEADY_S: Final = 10.0
"""A source that played for so long was well: the next wait is a short one again."""

_log = logging.getLogger("ingest.Reopening")


@dataclass(slots=True)
class Reopening:
    """The waits of one camera. Each problem is said once, however often it is met in a row."""

    camera: str
    stop: threading.Event
    reconnects: int = 0
    _backoff: Backoff = field(default_factory=lambda: Backoff(FIRST_WAIT_S, LONGEST_WAIT_S))
    _played_since_s: float | None = None
    _said: str | None = None

    def plays(self) -> None:
        """Note that pictures come."""
        if self._played_since_s is None:
            self._played_since_s = time.monotonic()
            if self._said is not None:
                _log.info("camera %s: plays again", self.camera)
            self._said = None

    def wait(self, problem: Exception) -> bool:
        """Wait before the next opening, since there is a `problem`; False: it is to stop."""
        if (since_s := self._played_since_s) is not None and time.monotonic() - since_s > STEADY_S:
            self._backoff.failures = 0
        self._played_since_s = None
        refused = isinstance(problem, CredentialsError)
        self._backoff.longest_s = LONGEST_REFUSED_WAIT_S if refused else LONGEST_WAIT_S
        wait_s = self._backoff.next_s()
        self._say(str(problem), wait_s)
        self.reconnects += 1
        return not self.stop.wait(wait_s)

    def _say(self, problem: str, wait_s: float) -> None:
        known = problem == self._said
        self._said = problem
        _log.log(
            logging.DEBUG if known else logging.WARNING,
            "%s; opens it again in %.1f s, and so on until it plays",
            problem, wait_s,
        )  # fmt: skip
