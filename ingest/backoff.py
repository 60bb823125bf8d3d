"""How long a camera bears a server that is away or full."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from ghostpose.bus.backoff import Backoff
from ghostpose.errors import BusError, BusFullError, BusUnavailableError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

STOP_GRACE_S: Final = 3.0
"""How long a camera that is to stop still tries to reach a server that doesn't answer."""

STOPPING_WAIT_S: Final = 0.1

Answer = TypeVar("Answer")

_log = logging.getLogger("ingest.Patience")


@dataclass(slots=True)
class Patience:
    """Repeats a step of the bus while the server is away or full.

    `outage_s` is how long the server may be away, None for ever; once `stop` is set it is at most
    `STOP_GRACE_S`.
    """

    camera: str
    stop: threading.Event
    outage_s: float | None = None
    _stopping_since_s: float | None = None

    def call(self, attempt: Callable[[], Answer], *, wait_when_full: bool) -> Answer:
        """Return what `attempt` returns once it gets through.

        Raises:
            BusFullError: the server has no room, and nothing of the attempt has arrived. After an
                outage, in which something may have, this waits for a clear answer in any case.
            BusUnavailableError: the server stayed away for too long; what arrived is not known.
        """
        backoff, began_s, uncertain = Backoff(), time.monotonic(), False
        while True:
            try:
                return attempt()
            except BusFullError as error:
                failure: BusError | BusUnavailableError = error
                if not (wait_when_full or uncertain):
                    raise
            except BusUnavailableError as error:
                failure, uncertain = error, True
                self._bear(error, backoff.failures, time.monotonic() - began_s)
            if not self._wait(backoff):
                raise self._gave_up(failure) if uncertain else failure

    def _bear(self, error: BusUnavailableError, failures: int, away_s: float) -> None:
        if self.outage_s is not None and away_s > self.outage_s:
            raise error
        if failures == 0:
            _log.warning("camera %s: waits for the server: %s", self.camera, error)

    def _wait(self, backoff: Backoff) -> bool:
        """Wait before the next attempt; False: it is to stop, and has tried for long enough."""
        if not self.stop.wait(backoff.next_s()):
            return True
        if self._stopping_since_s is None:
            self._stopping_since_s = time.monotonic()
        time.sleep(STOPPING_WAIT_S)
        return time.monotonic() - self._stopping_since_s < STOP_GRACE_S

    def _gave_up(self, cause: Exception) -> BusUnavailableError:
        return BusUnavailableError(
            f"camera {self.camera}: the server did not answer while stopping, so the end of the"
            f" session is not published ({cause})"
        )
