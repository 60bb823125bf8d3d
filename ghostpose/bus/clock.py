"""The server's clock as every process knows it, so that machines' clocks need not agree."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ghostpose.errors import BusUnavailableError

if TYPE_CHECKING:
    from ghostpose.bus.connection import Bus

ASK_EVERY_S: Final = 10.0
"""How often the server is asked again: clocks drift by milliseconds in that time."""


class ServerClock:
    """Tells the server's time without asking it each time."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._ahead_ms = 0.0
        self._asked_s = float("-inf")

    def now_ms(self) -> float:
        """Return Unix milliseconds by the server's clock, as far as it is known."""
        if time.monotonic() - self._asked_s > ASK_EVERY_S:
            self._asked_s = time.monotonic()
            with suppress(BusUnavailableError):  # then what was known before still serves
                self._ahead_ms = self._bus.server_time_ms() - time.time() * 1000
        return self.known_ms()

    def known_ms(self) -> float:
        """Return the same as it was known last, for threads that must not wait for the server."""
        return time.time() * 1000 + self._ahead_ms
