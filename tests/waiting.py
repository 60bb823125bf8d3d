"""Waiting on conditions, never for luck."""

from __future__ import annotations

import math
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Answer = TypeVar("Answer")

PATIENT_S: Final = 60.0
"""For a test's own connections: a machine that runs tests may stand still for many seconds."""

STALL_S: Final = 0.5
"""A thread that wakes twenty times a second, and hasn't for so long, was on no running machine."""


def wait_until(condition: Callable[[], Answer], what: str, limit_s: float = 60.0) -> Answer:
    """Wait until `condition` holds, and return what it said then.

    Fails, saying `what` was waited for, after `limit_s`.
    """
    until = time.monotonic() + limit_s
    while not (answer := condition()):
        assert time.monotonic() < until, f"{what}: did not happen within {limit_s} s"
        time.sleep(0.01)
    return answer


class Stalls:
    """Notes, while the block lasts, when this process stood still, since its machine did."""

    def __init__(self) -> None:
        self.total_s, self._ended_s = 0.0, -math.inf
        self._beat_s, self._lock, self._done = time.monotonic(), threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._beat_s = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def look(self) -> None:
        """Note one that is just over: whoever asks may have woken before the watching thread."""
        with self._lock:
            now_s = time.monotonic()
            if now_s - self._beat_s > STALL_S:
                self.total_s, self._ended_s = self.total_s + now_s - self._beat_s, now_s
            self._beat_s = now_s

    def over_for_s(self) -> float:
        """Return how long ago the newest one ended."""
        self.look()
        return time.monotonic() - self._ended_s

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.look()


@contextmanager
def running_time() -> Iterator[Callable[[], float]]:
    """Yield a clock, in seconds from 0, that stands still while the machine does.

    For promises by the clock, which are those of a machine that runs.
    """
    with Stalls() as stalls:
        began_s = time.monotonic()

        def running_s() -> float:
            stalls.look()
            return time.monotonic() - began_s - stalls.total_s

        yield running_s
