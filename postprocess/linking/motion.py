"""How somebody walked at an end of a track, and whether one walk leads to another.

Pure. Within a short gap people walk on as they did, so the way between two ends is the mean of both
velocities times the gap (the trapezoidal rule): exact for who keeps or evenly changes the pace.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.geometry import Point

WINDOW_S: Final = 1.5
"""So much of a track, at its end, says how somebody walks there."""

SHORTEST_S: Final = 0.8
FEWEST: Final = 3
"""Less than this, or fewer places, says where somebody was, but not how they walked."""

SLOWEST_M_S: Final = 0.3
FASTEST_M_S: Final = 3.0
"""Who is slower stands, which leads nowhere; nobody walks faster."""

OFF_M: Final = 0.5
OFF_M_S: Final = 0.25
"""The scale of how far from the way that they took to walk people are: so much at once, and so much
more with each second in which nobody sees them."""

CHANGE_M_S: Final = 0.8
"""The scale of how much velocities differ: who turns by 45 degrees changes theirs by 1 m/s."""


class Motion(NamedTuple):
    """Where somebody was at an end of a track, in metres, and how they walked, None if unknown."""

    at_s: float
    place: Point
    velocity: Point | None

    @property
    def walks(self) -> bool:
        """Whether it is known how they walked, and that is a walk."""
        if self.velocity is None:
            return False
        return SLOWEST_M_S <= math.hypot(*self.velocity) <= FASTEST_M_S


def motion_at(at_s: float, times: Sequence[float], places: Sequence[Point]) -> Motion:
    """Return the line of least squares through some places (one at least), as of `at_s`."""
    count = len(times)
    mean_s = sum(times) / count
    x, y = (sum(place[axis] for place in places) / count for axis in (0, 1))
    spread = sum((time_s - mean_s) ** 2 for time_s in times)
    if count < FEWEST or max(times) - min(times) < SHORTEST_S:
        nearest = min(range(count), key=lambda i: abs(times[i] - at_s))
        return Motion(at_s, places[nearest], None)
    east, north = (
        sum((t - mean_s) * place[axis] for t, place in zip(times, places, strict=True)) / spread
        for axis in (0, 1)
    )
    return Motion(at_s, (x + east * (at_s - mean_s), y + north * (at_s - mean_s)), (east, north))


def likeness(left: Motion, came: Motion) -> float:
    """Return how well a walk that ended leads to one that began: 1 exactly, to 0.

    A walk that isn't known is taken to be the other's: 0 if neither is.
    """
    known = [velocity for velocity in (left.velocity, came.velocity) if velocity is not None]
    if not known:
        return 0.0
    gap_s = came.at_s - left.at_s
    off = [
        came.place[axis]
        - left.place[axis]
        - gap_s * sum(velocity[axis] for velocity in known) / len(known)
        for axis in (0, 1)
    ]
    scale_m = OFF_M + OFF_M_S * max(0.0, gap_s)
    change = math.dist(known[0], known[-1]) / CHANGE_M_S
    return math.exp(-((math.hypot(*off) / scale_m) ** 2 + change**2) / 2)
