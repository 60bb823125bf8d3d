"""Waits between attempts: they grow, and are never in step with those of other processes."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

FIRST_S: Final = 0.1
LONGEST_S: Final = 5.0


@dataclass(slots=True)
class Backoff:
    """Gives the waits between attempts: doubled each time, each somewhere in its upper half."""

    first_s: float = FIRST_S
    longest_s: float = LONGEST_S
    failures: int = 0

    def next_s(self) -> float:
        """Return how long to wait now, in seconds, after one more failure."""
        ceiling_s = min(self.longest_s, self.first_s * 2.0 ** min(self.failures, 60))
        self.failures += 1
        return ceiling_s * random.uniform(0.5, 1.0)
