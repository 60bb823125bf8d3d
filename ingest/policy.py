"""What happens to decoded frames that can't be published yet: the two policies, as data.

`latest` (live): there is room for one frame, and a newer one takes the place of an older one.
`every` (recordings): there is room for a few, and whoever offers one more must wait.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from ghostpose.types import Policy

PREFETCH: Final = 3
"""Decoded frames kept ahead under `every`, so that decoding and publishing overlap."""

Item = TypeVar("Item")


class Offer(Enum):
    """What became of an offered frame."""

    KEPT = "kept"
    OVERWROTE = "overwrote"
    """Kept, and an older frame that nobody will see now was thrown away for it."""
    NO_ROOM = "no room"
    """Not kept: wait until one is taken, then offer it again."""


class Backlog(Generic[Item]):
    """Decoded frames between reading and publishing. Not for several threads: see `handoff`."""

    def __init__(self, policy: Policy, prefetch: int = PREFETCH) -> None:
        self._overwrites = policy == "latest"
        self._capacity = 1 if self._overwrites else prefetch
        self._items: deque[Item] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def offer(self, item: Item) -> Offer:
        """Keep `item` as the policy says."""
        if len(self._items) < self._capacity:
            self._items.append(item)
            return Offer.KEPT
        if self._overwrites:
            self._items[-1] = item
            return Offer.OVERWROTE
        return Offer.NO_ROOM

    def take(self) -> Item | None:
        """Remove and return the oldest frame, None if there is none."""
        return self._items.popleft() if self._items else None

    def clear(self) -> int:
        """Throw everything away; return how many frames that was."""
        left = len(self._items)
        self._items.clear()
        return left
