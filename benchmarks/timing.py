"""Medians with their spread, of things that take turns: what else runs falls on all alike."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


TURN_S = 0.04
"""How long a turn is at least: several pictures of the quickest network. Of one alone half was what
ran before it: caches full of another's, and torch's threads, which spin for a while."""


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return median, quartiles and smallest of some values, and how many there are."""
    found = np.fromiter(values, np.float64)
    low, median, high = np.percentile(found, (25, 50, 75)).tolist()
    return {
        "median": median,
        "p25": low,
        "p75": high,
        "min": float(found.min()),
        "count": len(found),
    }


def in_turns(
    calls: Mapping[str, Callable[[], object]],
    *,
    seconds: float,
    least: int = 5,
    warm_ups: int = 2,
) -> dict[str, dict[str, float]]:
    """Call each in turn for about so many seconds in all; return each one's spread, in ms.

    Quick calls come several at a time, so that they find their data where their own last call left
    it, and not what a slow one left in the caches.
    """
    for call in calls.values():
        for _ in range(warm_ups):
            call()
    took: dict[str, list[float]] = {name: [] for name in calls}
    end_s, rounds = time.perf_counter() + seconds, 0
    while rounds < least or time.perf_counter() < end_s:
        for name, call in calls.items():
            turn_s = time.perf_counter() + TURN_S
            took[name].append(once_ms(call))
            while time.perf_counter() < turn_s:
                took[name].append(once_ms(call))
        rounds += 1
    return {name: spread(values) for name, values in took.items()}


def once_ms(call: Callable[[], object]) -> float:
    """Return how long one call takes."""
    begun_s = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - begun_s)


def shown(ms: Mapping[str, float], digits: int = 1) -> str:
    """Return a spread as `median (p25 to p75)`."""
    median, low, high = (f"{ms[name]:.{digits}f}" for name in ("median", "p25", "p75"))
    return f"{median} ({low} to {high})"
