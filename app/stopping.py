"""How a process is asked to stop: SIGTERM and Ctrl-C set an event that loops look at."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def stop_event() -> threading.Event:
    """Return an event that SIGTERM and Ctrl-C set from now on; call it in the main thread.

    A signal that was held back until now (`stop_signals_held`) sets it at once.
    """
    stop = threading.Event()
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    return stop


class StopAskedError(BaseException):
    """Somebody asked to stop; no `Exception`, so that nothing on the way takes it for an error."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def stop_signals_raised() -> Iterator[None]:
    """Have SIGTERM and Ctrl-C raise `StopAskedError` meanwhile, where files close as they unwind.

    For the main thread.
    """

    def ask(number: int, _: object) -> None:
        raise StopAskedError(number)

    former = {number: signal.signal(number, ask) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def stop_signals_held() -> Iterator[None]:
    """Hold stop signals back meanwhile; processes started meanwhile go on to hold them back."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
