"""A backlog shared by the thread that reads a source and the one that publishes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from ingest.policy import Backlog, Offer

if TYPE_CHECKING:
    from ghostpose.types import Policy

Item = TypeVar("Item")


class Handoff(Generic[Item]):
    """Passes frames from one reading thread to one publishing thread, as the policy says."""

    def __init__(self, policy: Policy) -> None:
        self._backlog: Backlog[Item] = Backlog(policy)
        self._changed = threading.Condition()
        self._finished = self._closed = False

    def put(self, item: Item) -> Offer:
        """Hand `item` over; under `every`, wait for room. `NO_ROOM`: closed, `item` not kept."""
        with self._changed:
            while not self._closed:
                offer = self._backlog.offer(item)
                if offer is not Offer.NO_ROOM:
                    self._changed.notify_all()
                    return offer
                self._changed.wait()
            return Offer.NO_ROOM

    def take(self, timeout_s: float) -> Item | None:
        """Wait for a frame; None: none came in time, or none will (see `drained`)."""
        with self._changed:
            self._changed.wait_for(lambda: self._backlog or self._finished, timeout_s)
            item = self._backlog.take()
            self._changed.notify_all()
            return item

    def finish(self) -> None:
        """Say, as the reading thread, that nothing more will come."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    @property
    def finished(self) -> bool:
        """Whether nothing more will come, although something may be left to take."""
        with self._changed:
            return self._finished

    @property
    def drained(self) -> bool:
        """Whether everything has been taken and nothing more will come."""
        with self._changed:
            return self._finished and not self._backlog

    def close(self) -> int:
        """Refuse more, wake a waiting reader, and throw away what is left; return its number."""
        with self._changed:
            self._closed = True
            left = self._backlog.clear()
            self._changed.notify_all()
            return left
