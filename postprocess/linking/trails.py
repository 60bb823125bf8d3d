"""Where tracks were on the floor over the last minute, by the time of their cameras' frames."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from ghostpose.geometry import Point

SAMPLE_S: Final = 0.2
"""A track is looked at so often: nobody walks far meanwhile."""

KEPT_S: Final = 60.0
"""So far apart the poses of two cameras may come, as those of recordings do."""

GAP_S: Final = 1.0
"""Between two places that are further apart in time nobody knows where somebody was."""


class TrackName(NamedTuple):
    """A track over all cameras: `track` is `<camera>-<n>`, once in a session for sure."""

    camera: str
    session: int
    track: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A track in one frame: what an event about it says of it."""

    seq: int
    captured_at: float
    media_time: float
    foot: Point


@dataclass(slots=True)
class Trail:
    """One track's places, in metres, by time."""

    first: Seen
    last: Seen
    times: list[float] = field(default_factory=list)
    places: list[Point] = field(default_factory=list)

    def add(self, place: Point, seen: Seen) -> bool:
        """Note where it is; False: it is too soon after the last place to count."""
        self.last = seen
        if self.times and seen.captured_at - self.times[-1] < SAMPLE_S:
            return False
        self.times.append(seen.captured_at)
        self.places.append(place)
        return True

    def at(self, time_s: float) -> Point | None:
        """Return where it was at a time, None if nobody knows."""
        after = bisect_right(self.times, time_s)
        if after == 0:
            return None
        if after == len(self.times):
            return self.places[-1] if time_s == self.times[-1] else None
        before_s, after_s = self.times[after - 1], self.times[after]
        if after_s - before_s > GAP_S:
            return None
        share = (time_s - before_s) / (after_s - before_s)
        (ax, ay), (bx, by) = self.places[after - 1], self.places[after]
        return ax + share * (bx - ax), ay + share * (by - ay)

    @property
    def first_s(self) -> float:
        """When it began."""
        return self.first.captured_at

    @property
    def has_beginning(self) -> bool:
        """Whether where it began is still kept."""
        return self.times[0] == self.first_s

    @property
    def last_s(self) -> float:
        """When it was last seen where that is kept."""
        return self.times[-1]

    def between(self, since_s: float, until_s: float) -> tuple[list[float], list[Point]]:
        """Return times and places of a stretch, both ends with it."""
        part = slice(bisect_left(self.times, since_s), bisect_right(self.times, until_s))
        return self.times[part], self.places[part]

    def was_there(self, time_s: float) -> bool:
        """Whether it was in view at a time, give or take `GAP_S`."""
        return self.times[0] - GAP_S <= time_s <= self.times[-1] + GAP_S

    def forget_before(self, time_s: float) -> bool:
        """Forget places before a time; return whether any are left."""
        gone = bisect_right(self.times, time_s)
        del self.times[:gone], self.places[:gone]
        return bool(self.times)
