"""Tells the bus every two seconds that a process lives, with its counters as load."""

from __future__ import annotations

import logging
import os
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

import ghostpose
from ghostpose.codec.registry import Heartbeat
from ghostpose.errors import BusFullError, BusUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ghostpose.bus.connection import Bus

INTERVAL_S: Final = 2.0


def worker_name(role: str, suffix: str = "") -> str:
    """Return a name that no other process on any machine has now."""
    name = f"{role}-{socket.gethostname()}-{os.getpid()}"
    return f"{name}-{suffix}" if suffix else name


_log = logging.getLogger(f"{__name__}.Heartbeats")


class Heartbeats:
    """Sends heartbeats from a thread of its own while the `with` block runs.

    `load` is called in that thread.
    """

    def __init__(
        self, bus: Bus, role: str, worker: str, load: Callable[[], Mapping[str, float]]
    ) -> None:
        self._bus, self._role, self._worker, self._load = bus, role, worker, load
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        with suppress(BusUnavailableError):
            self._bus.forget_worker(self._worker)

    def _run(self) -> None:
        while True:
            self._beat()
            if self._done.wait(INTERVAL_S):
                return

    def _beat(self) -> None:
        beat = Heartbeat(
            worker=self._worker,
            role=self._role,
            version=ghostpose.__version__,
            host=socket.gethostname(),
            pid=os.getpid(),
            load=dict(self._load()),
        )
        try:
            self._bus.heartbeat(beat)
        except (BusUnavailableError, BusFullError) as error:
            _log.debug("no heartbeat: %s", error)
