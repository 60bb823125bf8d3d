"""Latencies of any number of messages in little memory, and their percentiles."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

BUCKET_RATIO: Final = 1.01
"""A bucket's end over its begin: a percentile is wrong by at most half a per cent."""

SHORTEST_MS: Final = 0.01
LONGEST_MS: Final = 1e9
"""What is outside of these counts as these; so there are at most 2,547 buckets."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from publishing (`every`) or capture (`latest`) to the commit."""

    p50: float
    p95: float
    p99: float


@dataclass(slots=True)
class LatencyHistogram:
    """Counts values by buckets of equal ratio. Bucket n ends at `BUCKET_RATIO ** n` ms."""

    buckets: Counter[int] = field(default_factory=Counter)

    @classmethod
    def merged(cls, histograms: Iterable[LatencyHistogram]) -> Self:
        """Return one that counts what all of them do."""
        every = cls()
        for histogram in histograms:
            every.buckets.update(histogram.buckets)
        return every

    def add(self, value_ms: float) -> None:
        """Count a value; one that is not positive (clocks differ) counts as the shortest."""
        held_ms = min(max(value_ms, SHORTEST_MS), LONGEST_MS)
        self.buckets[math.ceil(math.log(held_ms) / math.log(BUCKET_RATIO))] += 1

    def latency(self) -> Latency:
        """Return percentiles by nearest rank; all zero when there are no values."""
        return Latency(*(self.percentile(share) for share in (0.50, 0.95, 0.99)))

    def percentile(self, share: float) -> float:
        """Return the smallest value that at least `share` of all don't exceed, in ms."""
        rank = max(1, math.ceil(share * self.buckets.total()))
        for bucket in sorted(self.buckets):
            rank -= self.buckets[bucket]
            if rank <= 0:
                return float(BUCKET_RATIO ** (bucket - 0.5))
        return 0.0
