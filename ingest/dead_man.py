"""Ends a process in which native code holds Python itself up, so that nothing in it can react."""

from __future__ import annotations

import faulthandler
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

HELD_UP_S: Final = 60.0
"""Python that hasn't run for so long is held up; a machine that is merely busy lets it run."""


@contextmanager
def dead_man_switch(held_up_s: float = HELD_UP_S) -> Iterator[None]:
    """Have this process end, with the traces of its threads, once Python hasn't run for so long.

    A thread of C, which needs nothing of Python, ends it; a thread of Python puts that off.
    """
    done = threading.Event()

    def put_off() -> None:
        while not done.is_set():
            faulthandler.dump_traceback_later(held_up_s, exit=True)
            done.wait(held_up_s / 6)

    thread = threading.Thread(target=put_off, name="dead man's switch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        faulthandler.cancel_dump_traceback_later()
