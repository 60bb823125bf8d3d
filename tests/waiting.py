"""Waiting on conditions, never for luck."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

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


@contextmanager
def running_time() -> Iterator[Callable[[], float]]:
    """Yield a clock, in seconds from 0, that stands still while the machine does.

    For promises by the clock, which are those of a machine that runs.
    """
    stalls_s, done = list[float](), threading.Event()

    def watch() -> None:
        before_s = time.monotonic()
        while not done.wait(0.05):
            now_s = time.monotonic()
            if now_s - before_s > STALL_S:
                stalls_s.append(now_s - before_s)
            before_s = now_s

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    began_s = time.monotonic()
    try:
        yield lambda: time.monotonic() - began_s - sum(stalls_s)
    finally:
        done.set()
        watcher.join()
