"""Puts one camera's frames in the order of their tickets: pure, no clock and no server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ghostpose.bus import MapsDelivery


@dataclass(slots=True)
class TicketOrder:
    """What has come of one camera and waits for its turn.

    `committed` is the last ticket that is done. Entries at or below it are duplicates: they come
    out first, so that whoever commits can have them dropped.
    """

    committed: int
    waiting: dict[int, MapsDelivery] = field(default_factory=dict)

    def add(self, delivery: MapsDelivery) -> None:
        """Take an entry in; one with the same ticket is replaced."""
        self.waiting[delivery.message.id.ticket] = delivery

    def next(self) -> MapsDelivery | None:
        """Return the entry whose turn it is, or None; it stays until `done`."""
        lowest = min(self.waiting, default=None)
        if lowest is None or lowest > self.committed + 1:
            return None
        return self.waiting[lowest]

    def done(self, ticket: int) -> None:
        """Forget an entry: it was committed, or committed before."""
        self.waiting.pop(ticket, None)
        self.committed = max(self.committed, ticket)
