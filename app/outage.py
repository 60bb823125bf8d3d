"""A server that does not answer: said once, asked again with growing waits, given up in the end."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from app.launch import ProcessDiedError
from ghostpose.bus.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.errors import BusUnavailableError

LONGEST_WAIT_S: Final = 1.0
"""Between two attempts; also how late a signal or a dead child may be noticed."""


def _backoff() -> Backoff:
    return Backoff(longest_s=LONGEST_WAIT_S)


@dataclass(slots=True)
class Outage:
    """What a run does while its server is away. `say` gets sentences for the user.

    `server_pid`: the run's own server; when that is gone, waiting is of no use.
    """

    say: Callable[[str], None]
    server_pid: int | None = None
    _since_s: float | None = None
    _backoff: Backoff = field(default_factory=_backoff)

    def wait(self, error: BusUnavailableError, limit_s: float) -> None:
        """Wait before the next attempt.

        Raises:
            ProcessDiedError: the server has been away for `limit_s`, or for good.
        """
        if self.server_pid is not None and _has_ended(self.server_pid):
            raise ProcessDiedError(
                "stopped, since the run's own server has ended; what was in flight is lost", 1
            )
        now_s = time.monotonic()
        if self._since_s is None:
            self._since_s = now_s
            self.say(f"ghostpose: {error} Waiting for it.")
        if now_s - self._since_s >= limit_s:
            raise ProcessDiedError(f"stopped after {limit_s:g} s of waiting: {error}", 1)
        time.sleep(self._backoff.next_s())

    def over(self) -> None:
        """Note that the server answers."""
        if self._since_s is not None:
            self.say("ghostpose: the server answers again")
            self._since_s, self._backoff = None, _backoff()


def _has_ended(pid: int) -> bool:
    """Whether a child of this process has ended; it is left for its owner to reap."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True
