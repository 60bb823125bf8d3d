"""How a process is asked to stop: SIGTERM and Ctrl-C set an event that its loops look at."""

from __future__ import annotations

import math
import signal
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

LOOK_UP_EVERY_S: Final = 0.5
"""How long a waiter sleeps at most. A signal that comes as the main thread is about to fall asleep,
or that another thread takes, doesn't wake it, and its handler runs only once it is awake."""


class StopEvent(threading.Event):
    """An event that a handler of signals may set at any moment; once set, it stays so.

    Python runs handlers in the main thread, between any two steps of what that does. Inside
    `threading.Event` it holds a lock, for which the handler's own `set` would wait for ever. Here
    nobody holds what another waits for: each waiter sleeps on a lock that only others release.
    """

    def __init__(self) -> None:
        super().__init__()
        self._asked = False
        self._alarms: set[threading.Lock] = set()

    def __repr__(self) -> str:
        return f"<StopEvent: {'set' if self._asked else 'unset'}>"

    def is_set(self) -> bool:
        """Whether somebody asked to stop."""
        return self._asked

    def set(self) -> None:
        """Ask to stop: all who wait are woken."""
        self._asked = True
        for alarm in self._alarms.copy():
            with suppress(RuntimeError):  # another `set` has released it
                alarm.release()

    def clear(self) -> None:
        """Refuse: who has not looked yet would never stop.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("a StopEvent can't be cleared: make another")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most `timeout` seconds; return whether it is."""
        until_s = math.inf if timeout is None else time.monotonic() + timeout
        alarm = threading.Lock()
        alarm.acquire()
        # Known to others before the first look, so that no `set` comes between unheard.
        self._alarms.add(alarm)
        try:
            while not self._asked and (left_s := until_s - time.monotonic()) > 0:
                alarm.acquire(timeout=min(left_s, LOOK_UP_EVERY_S))
        finally:
            self._alarms.discard(alarm)
        return self._asked


@contextmanager
def stop_on_signals() -> Iterator[StopEvent]:
    """Yield an event that stop signals set; their former handlers come back afterwards.

    For the main thread.
    """
    stop = StopEvent()
    with stop_signals_handled(lambda *_: stop.set()):
        yield stop


@contextmanager
def stop_signals_handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have `handler` called for stop signals meanwhile; the former ones come back afterwards.

    For the main thread. It is called between any two steps of that thread, so it takes no lock.
    """
    former = {number: signal.signal(number, handler) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, one in former.items():
            signal.signal(number, one)


@contextmanager
def stop_signals_held() -> Iterator[None]:
    """Hold stop signals back meanwhile; processes started meanwhile go on to hold them back.

    Such a process lets them in by `let_stop_signals_in`, once it can stop in order.
    """
    former = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def let_stop_signals_in() -> None:
    """Get the signals that were held back until now, and those that come."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
