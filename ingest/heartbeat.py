"""Tells the bus every two seconds that a camera's process lives, with its counters as load."""

from __future__ import annotations

import logging
import os
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

import ghostpose
from ghostpose.bus import Heartbeat
from ghostpose.errors import BusFullError, BusUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ghostpose.bus import Bus

INTERVAL_S: Final = 2.0

_log = logging.getLogger("ingest.Heartbeats")


class Heartbeats:
    """Sends heartbeats from a thread of its own while the `with` block runs."""

    def __init__(self, bus: Bus, camera: str, load: Callable[[], Mapping[str, float]]) -> None:
        self._bus, self._load = bus, load
        self._host = socket.gethostname()
        self._worker = f"ingest-{self._host}-{os.getpid()}-{camera}"
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
            role="ingest",
            version=ghostpose.__version__,
            host=self._host,
            pid=os.getpid(),
            load=dict(self._load()),
        )
        try:
            self._bus.heartbeat(beat)
        except (BusUnavailableError, BusFullError) as error:
            _log.debug("no heartbeat: %s", error)
