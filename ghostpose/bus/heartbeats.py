"""Tells the bus every two seconds that a process lives, with its counters as load."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

import ghostpose
from ghostpose.codec.registry import Heartbeat
from ghostpose.errors import BusUnavailableError, GhostposeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ghostpose.bus.connection import Bus

INTERVAL_S: Final = 2.0


def worker_name(role: str, suffix: str = "") -> str:
    """Return a new name that nothing else on any machine has.

    Containers may share host name and process id, and who has the same name has the same leases:
    so its end is random.
    """
    words = (role, socket.gethostname(), str(os.getpid()), suffix, secrets.token_hex(3))
    return "-".join(word for word in words if word)


_log = logging.getLogger(f"{__name__}.Heartbeats")


class Heartbeats:
    """Sends heartbeats from a thread of its own while the `with` block runs.

    `load` is called in that thread, and so is `also`, which says more with each heartbeat and once
    more at the end. Whatever the server answers or goes wrong in these, the next one is tried: who
    falls silent is taken for dead.
    """

    def __init__(
        self,
        bus: Bus,
        role: str,
        worker: str,
        load: Callable[[], Mapping[str, float]],
        also: Callable[[], None] | None = None,
    ) -> None:
        self._bus, self._role, self._worker, self._load = bus, role, worker, load
        self._also = also
        self._done = False
        self._woken = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def beat_now(self) -> None:
        """Have the next heartbeat sent at once, since there is news."""
        self._woken.set()

    def __exit__(self, *_: object) -> None:
        self._done = True
        self._woken.set()
        self._thread.join()
        if isinstance(self._failure, BusUnavailableError):
            return  # a server that is away is not waited for again
        with suppress(GhostposeError):  # the list forgets it by its age
            self._bus.forget_worker(self._worker)

    def _run(self) -> None:
        while not self._done:
            self._beat()
            self._woken.wait(INTERVAL_S)
            self._woken.clear()
        if self._also is not None:
            try:
                self._also()
            except Exception as error:
                self._failure = error  # mostly, the server is away: nobody reads it either

    def _beat(self) -> None:
        try:
            self._bus.heartbeat(self._now())
            if self._also is not None:
                self._also()
        except Exception as error:
            if self._failure is None and isinstance(error, GhostposeError):
                _log.warning("no heartbeat until the server takes it: %s", error)
            elif self._failure is None:
                _log.exception("no heartbeat until this is over")
            self._failure = error
        else:
            self._failure = None

    def _now(self) -> Heartbeat:
        return Heartbeat(
            worker=self._worker,
            role=self._role,
            version=ghostpose.__version__,
            host=socket.gethostname(),
            pid=os.getpid(),
            load=dict(self._load()),
        )
