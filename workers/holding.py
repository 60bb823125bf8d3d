"""Keeps the frames that a worker has in its hands from being taken over, while it makes progress.

Idle time counts from the taking of a frame, so it includes the wait behind other frames: a slow
network on a busy machine would lose frames that it is about to do.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from ghostpose.errors import BusError, BusFullError, BusUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghostpose.bus import FrameDelivery, FrameReader

RENEWALS: Final = 3
"""How often frames are renewed within the time after which others may take them over."""

STUCK_S: Final = 120.0
"""A worker that finishes nothing for so long hangs: others get its frames."""

_log = logging.getLogger("workers.Holding")


class Holding:
    """The frames of one worker, renewed from a thread of its own that no network holds up."""

    def __init__(self, reader: FrameReader, min_idle_s: float, stuck_s: float = STUCK_S) -> None:
        self._reader, self._every_s, self._stuck_s = reader, min_idle_s / RENEWALS, stuck_s
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str], FrameDelivery] = {}
        self._progress_s = time.monotonic()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="holding", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def add(self, deliveries: Iterable[FrameDelivery]) -> None:
        """Hold frames from now on."""
        with self._lock:
            if not self._held:
                self._progress_s = time.monotonic()
            self._held.update(((d.stream, d.entry_id), d) for d in deliveries)

    def let_go(self, delivery: FrameDelivery) -> None:
        """Hold a frame no longer: it is done, or left to others."""
        with self._lock:
            self._held.pop((delivery.stream, delivery.entry_id), None)
            self._progress_s = time.monotonic()

    def held(self) -> list[FrameDelivery]:
        """Return what is held now."""
        with self._lock:
            return list(self._held.values())

    def _run(self) -> None:
        while not self._end.wait(self._every_s):
            held = self.held()
            if not held or self._is_stuck(len(held)):
                continue
            try:
                self._reader.hold(held)
            except (BusUnavailableError, BusFullError) as error:
                _log.debug("could not renew %d frames: %s", len(held), error)
            except BusError as error:  # then others take them over
                _log.warning("could not renew %d frames: %s", len(held), error)

    def _is_stuck(self, frames: int) -> bool:
        with self._lock:
            idle_s = time.monotonic() - self._progress_s
        if idle_s < self._stuck_s:
            return False
        if idle_s < self._stuck_s + self._every_s:
            _log.error("nothing done for %.0f s: leaves %d frames to others", idle_s, frames)
        return True
