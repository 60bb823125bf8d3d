"""What became of the frames of one session. At its end `read = published + skipped`, exactly."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ghostpose.types import SkipReason


@dataclass(frozen=True, slots=True)
class Tally:
    """The counters at one moment.

    `read` includes frames that could not be decoded, which are counted as skipped for `decode` too,
    and those that were left undecoded; `decoded` are all others.
    """

    read: int = 0
    published: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    clock_repairs: int = 0
    decoded: int = 0

    @property
    def in_hand(self) -> int:
        """Frames read and neither published nor skipped yet; 0 at the end of a session."""
        return self.read - self.published - sum(self.skipped.values())

    def plus(self, other: Tally) -> Tally:
        """Return the sum of two sessions' counters."""
        return Tally(
            read=self.read + other.read,
            published=self.published + other.published,
            skipped=dict(Counter(self.skipped) + Counter(other.skipped)),
            clock_repairs=self.clock_repairs + other.clock_repairs,
            decoded=self.decoded + other.decoded,
        )

    def as_load(self) -> dict[str, float]:
        """Return the counters as a heartbeat carries them."""
        skipped = {f"skipped_{reason}": float(count) for reason, count in self.skipped.items()}
        return {
            "read": float(self.read),
            "decoded": float(self.decoded),
            "published": float(self.published),
            "clock_repairs": float(self.clock_repairs),
            **skipped,
        }


class Counters:
    """Counts from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read = self._decoded = self._published = self._clock_repairs = 0
        self._skipped: Counter[str] = Counter()
        self._closed = False

    def count_read(self) -> None:
        """One more frame came out of the source, or should have."""
        with self._lock:
            self._read += not self._closed

    def count_decoded(self) -> None:
        """One more frame was decoded."""
        with self._lock:
            self._decoded += not self._closed

    def count_published(self) -> None:
        """One more frame is on the bus."""
        with self._lock:
            self._published += 1

    def count_skipped(self, reason: SkipReason, count: int = 1) -> None:
        """So many more frames were left out."""
        with self._lock:
            if not self._closed:
                self._skipped[reason] += count

    def set_clock_repairs(self, count: int) -> None:
        """So many frames' media times were repaired by now."""
        with self._lock:
            self._clock_repairs = count

    def close(self) -> None:
        """Count no more, since a thread that is left behind may still: what it holds is lost."""
        with self._lock:
            if not self._closed:
                self._skipped["shutdown"] += self._tally().in_hand
            self._closed = True

    def tally(self) -> Tally:
        """Return all counters of one moment; reasons that never came up are left out."""
        with self._lock:
            return self._tally()

    def _tally(self) -> Tally:
        skipped = {reason: count for reason, count in self._skipped.items() if count}
        return Tally(self._read, self._published, skipped, self._clock_repairs, self._decoded)
