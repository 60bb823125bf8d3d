"""How a command is asked to stop: a first signal in order, a second one at once.

Nothing is lost by the second, as nothing is by SIGKILL: what the process had in hand is on the
server, and others take it over.
"""

from __future__ import annotations

import ctypes
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ghostpose.stopping import (
    STOP_SIGNALS,
    StopEvent,
    let_stop_signals_in,
    stop_signals_handled,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_PR_GET_PDEATHSIG: Final = 2


def stop_event() -> StopEvent:
    """Return an event that SIGTERM and Ctrl-C set until this process ends; for the main thread.

    A signal that was held back until now (`stop_signals_held`) sets it at once.
    """
    stop, drained_by_parent = StopEvent(), _dies_with_parent()

    def ask(*_: object) -> None:
        stop.set()
        if not drained_by_parent:
            next_signal_ends()

    for number in STOP_SIGNALS:
        signal.signal(number, ask)
    let_stop_signals_in()
    return stop


def next_signal_ends() -> None:
    """Have the next stop signal end this process at once, in the middle of whatever it does.

    By the kernel: handlers of Python's wait for a call of C that takes long.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def _dies_with_parent() -> bool:
    """Whether a parent drains this process (`die_with_parent`), and asks as often as it likes.

    A service manager asks all processes of a run, so does the run itself, and Linux asks for each
    thread of a parent that died: that is no haste.
    """
    number = ctypes.c_int()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_GET_PDEATHSIG, ctypes.byref(number))
    return number.value != 0


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

    with stop_signals_handled(ask):
        yield
