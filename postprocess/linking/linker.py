"""Which tracks of two cameras are probably one person: those that stand on the same spot of the
floor at the same time, over a while, and are nearer to each other than to anybody else.

Pure: sights go in, links come out. A link is never identity: nobody is recognised, and two people
who keep close to each other and are each hidden from one camera look like one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from postprocess.linking.trails import KEPT_S, Seen, TrackName, Trail

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ghostpose.geometry import Point

NEAR_M: Final = 0.5
"""The scale of closeness: two places so far apart count exp(-1/2), the same place 1. Feet are told
to some 0.2 m, and clocks that differ by 0.2 s put somebody who walks 0.3 m off."""

TOGETHER_S: Final = 2.0
"""For so long two tracks must have been seen at the same time."""

MIN_SCORE: Final = 0.6
"""Mean closeness from which on two tracks are told to be one person."""

MARGIN: Final = 0.15
"""How much more likely a link must be than any other of either track in the other's camera."""

RIVAL_S: Final = 0.5
"""A rival counts once it has been compared for so long."""

FAR_M: Final = 6.0
"""Tracks that never were nearer than this aren't compared any further."""

LONGEST_STEP_S: Final = 0.5
"""No single comparison counts for longer."""

PRUNE_EVERY_S: Final = 10.0


class Sight(NamedTuple):
    """A track in one frame, and where on the floor it is, in metres."""

    name: TrackName
    place: Point
    seen: Seen


class End(NamedTuple):
    """A track of a link: the first time that it was seen, and the last."""

    name: TrackName
    first: Seen
    last: Seen


@dataclass(frozen=True, slots=True)
class Link:
    """Two tracks that are probably one person, `score` being how well they fit (0 to 1).

    `person`: the first of all tracks linked to it; `seconds`: how long both were seen together.
    """

    person: str
    score: float
    seconds: float
    ends: tuple[End, End]


@dataclass(slots=True)
class _Pair:
    """How close two tracks have been: seconds together, and closeness summed over them."""

    at_s: float
    seconds: float = 0.0
    closeness: float = 0.0

    @property
    def score(self) -> float:
        return self.closeness / self.seconds if self.seconds else 0.0


class Linker:
    """Takes sights of all cameras as they come and finds links. For one thread."""

    def __init__(self) -> None:
        self._trails: dict[str, dict[TrackName, Trail]] = {}
        self._pairs: dict[TrackName, dict[TrackName, _Pair]] = {}
        self._linked: dict[TrackName, set[TrackName]] = {}
        self._persons: dict[TrackName, str] = {}
        self._newest_s = -math.inf
        self._pruned_s = -math.inf

    def see(self, sight: Sight) -> list[Link]:
        """Note where a track is, and return whom it is now known to be."""
        name = sight.name
        trails = self._trails.setdefault(name.camera, {})
        trail = trails.setdefault(name, Trail(sight.seen, sight.seen))
        if not trail.add(sight.place, sight.seen):
            return []
        self._newest_s = max(self._newest_s, sight.seen.captured_at)
        self._prune_if_due()
        links: list[Link] = []
        for other, its in self._others(name.camera):
            if self._compare(name, trail, other, its) and not links:
                # One at a time, so that a frame tells one link of a track.
                links += self._link_if_sure(name, other)
        return links

    def learn(self, one: TrackName, other: TrackName, person: str) -> None:
        """Take over a link that was told before this linker began."""
        self._linked.setdefault(one, set()).add(other)
        self._linked.setdefault(other, set()).add(one)
        self._persons[one] = self._persons[other] = person

    def _others(self, camera: str) -> Iterator[tuple[TrackName, Trail]]:
        for theirs, trails in self._trails.items():
            if theirs != camera:
                yield from trails.items()

    def _compare(self, one: TrackName, mine: Trail, other: TrackName, its: Trail) -> bool:
        """Compare where both were at the last time that is known of both; False: nothing new."""
        now_s = min(mine.times[-1], its.times[-1])
        pair = self._pairs.get(one, {}).get(other)
        if pair is not None and now_s <= pair.at_s:
            return False
        here, there = mine.at(now_s), its.at(now_s)
        if here is None or there is None:
            return False
        apart_m = math.dist(here, there)
        if pair is None:
            if apart_m < FAR_M:
                pair = _Pair(now_s)
                self._pairs.setdefault(one, {})[other] = pair
                self._pairs.setdefault(other, {})[one] = pair
            return False
        step_s = min(now_s - pair.at_s, LONGEST_STEP_S)
        pair.at_s = now_s
        pair.seconds += step_s
        pair.closeness += step_s * math.exp(-((apart_m / NEAR_M) ** 2) / 2)
        return True

    def _link_if_sure(self, one: TrackName, other: TrackName) -> list[Link]:
        pair = self._pairs[one][other]
        if other in self._linked.get(one, ()) or not self._is_sure(one, other, pair):
            return []
        first, second = sorted((one, other), key=self._began)
        person = self._persons.get(first) or self._persons.get(second) or first.track
        self.learn(one, other, person)
        return [Link(person, pair.score, pair.seconds, (self._end(one), self._end(other)))]

    def _end(self, name: TrackName) -> End:
        trail = self._trail(name)
        return End(name, trail.first, trail.last)

    def _is_sure(self, one: TrackName, other: TrackName, pair: _Pair) -> bool:
        if pair.seconds < TOGETHER_S or pair.score < MIN_SCORE:
            return False
        return all(
            self._is_free(a, b, pair) and self._is_best(a, b, pair)
            for a, b in ((one, other), (other, one))
        )

    def _is_free(self, one: TrackName, other: TrackName, pair: _Pair) -> bool:
        """Whether `one` is nobody else in the other's camera now: nobody is there twice."""
        return not any(
            taken.camera == other.camera and self._trail(taken).was_there(pair.at_s)
            for taken in self._linked.get(one, ())
            if taken in self._trails.get(taken.camera, {})
        )

    def _is_best(self, one: TrackName, other: TrackName, pair: _Pair) -> bool:
        """Whether nobody else in the other's camera is nearly as likely to be `one`."""
        return not any(
            name.camera == other.camera
            and name != other
            and rival.seconds >= RIVAL_S
            and rival.score > pair.score - MARGIN
            and self._trail(name).was_there(pair.at_s)
            for name, rival in self._pairs[one].items()
        )

    def _trail(self, name: TrackName) -> Trail:
        return self._trails[name.camera][name]

    def _began(self, name: TrackName) -> tuple[float, TrackName]:
        return self._trail(name).first.captured_at, name

    def _prune_if_due(self) -> None:
        """Forget what is older than any comparison needs, and links of tracks that are gone."""
        if self._newest_s - self._pruned_s < PRUNE_EVERY_S:
            return
        is_first, self._pruned_s = self._pruned_s == -math.inf, self._newest_s
        if is_first:
            return  # what was learned of others' links is of tracks that have yet to be seen
        for trails in self._trails.values():
            gone = [n for n, t in trails.items() if not t.forget_before(self._newest_s - KEPT_S)]
            for name in gone:
                del trails[name]
        for name in self._names():
            if name not in self._trails.get(name.camera, {}):
                self._forget(name)

    def _names(self) -> set[TrackName]:
        return {*self._pairs, *self._linked, *self._persons}

    def _forget(self, name: TrackName) -> None:
        for other in self._pairs.pop(name, ()):
            self._pairs.get(other, {}).pop(name, None)
        for other in self._linked.pop(name, ()):
            self._linked.get(other, set()).discard(name)
        self._persons.pop(name, None)

    @property
    def persons(self) -> Mapping[TrackName, str]:
        """Whom each track of the last minute was linked to."""
        return self._persons
