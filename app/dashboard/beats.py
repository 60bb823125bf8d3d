"""A thread that does one thing again and again, and is not ended by what goes wrong in it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from ghostpose.bus.backoff import Backoff
from ghostpose.errors import BusError, BusUnavailableError
from ghostpose.metrics import turned

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(f"{__name__}.Beats")


class Beats:
    """Calls `beat`, which says how many seconds to wait for the next, until it is stopped.

    What goes wrong is logged, once for each kind in a row, told to `failed`, and tried again after
    a growing wait: a server that is away as a warning, anything else with its trace. `/healthz`
    hears, as of the loop `name`, of every beat but those that failed by themselves: so a fault
    that stays has the process started again.
    """

    def __init__(
        self, name: str, beat: Callable[[], float], failed: Callable[[Exception], None]
    ) -> None:
        self._name, self._beat, self._failed = name, beat, failed
        self._backoff = Backoff()
        self._said: type[Exception] | None = None
        self._stopping = False
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Have it end after the beat in hand; from any thread, its own as well."""
        self._stopping = True
        self._woken.set()

    def join(self) -> None:
        """Stop, and wait for the beat in hand."""
        self.stop()
        self._thread.join()

    def wake(self) -> None:
        """Have the next beat come now."""
        self._woken.set()

    def _run(self) -> None:
        while not self._stopping:
            wait_s = self._once()
            self._woken.wait(wait_s)
            self._woken.clear()

    def _once(self) -> float:
        """Return how long to wait then."""
        try:
            wait_s = self._beat()
        except Exception as error:  # a surprise must not end what all browsers look at, in silence
            self._say(error)
            self._failed(error)
            return self._backoff.next_s()
        turned(self._name)
        self._backoff.failures, self._said = 0, None
        return max(0.0, wait_s)

    def _say(self, error: Exception) -> None:
        is_away = isinstance(error, BusUnavailableError | BusError)
        if is_away:
            turned(self._name)
        if type(error) is self._said:
            return
        self._said = type(error)
        if is_away:
            _log.warning("%s waits for the server: %s", self._name, error)
        else:
            _log.error("%s failed, and is tried again: %r", self._name, error, exc_info=error)
