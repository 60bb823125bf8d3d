"""How a process is asked to stop: SIGTERM and Ctrl-C set an event that loops look at."""

from __future__ import annotations

import signal
import threading


def stop_event() -> threading.Event:
    """Return an event that SIGTERM and Ctrl-C set from now on; call it in the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
