"""Which tracks of two cameras are probably one person: those that stand on the same spot of the
floor at the same time, over a while, and are nearer to each other than to anybody else.

Where views adjoin, those that go on from one to the other (`handovers`).

Pure: sights go in, links come out. A link is never identity: nobody is recognised, and two people
who keep close to each other and are each hidden from one camera look like one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from postprocess.linking.handovers import Handovers
from postprocess.linking.known import Known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postprocess.linking.known import Link, Sight
    from postprocess.linking.trails import TrackName, Trail

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
        self._known = Known()
        self._handovers = Handovers(self._known)
        self._pairs: dict[TrackName, dict[TrackName, _Pair]] = {}

    def see(self, sight: Sight) -> list[Link]:
        """Note where a track is, and return whom it is now known to be."""
        name = sight.name
        if not self._known.has(name):
            self._handovers.begins(name, sight.seen.captured_at)
        trail = self._known.follow(sight)
        if trail is None:
            return []
        self._prune_if_due()
        links: list[Link] = []
        for other, its in self._known.all(but=name.camera):
            if self._compare(name, trail, other, its) and not links:
                # One at a time, so that a frame tells one link of a track.
                links += self._link_if_sure(name, other)
        return links

    def reach(self, camera: str, session: int, at_s: float) -> list[Link]:
        """Note that all of a camera's frame at a time was seen; return who walked over to whom."""
        self._known.watch(camera, session, at_s)
        return self._handovers.judge()

    def learn(self, one: TrackName, other: TrackName, person: str) -> None:
        """Take over a link that was told before this linker began."""
        self._known.learn(one, other, person)

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
        is_told = other in self._known.linked.get(one, ())
        if is_told or not self._is_sure(one, other, pair):
            return []
        return [self._known.link(one, other, pair.score, together_s=pair.seconds)]

    def _is_sure(self, one: TrackName, other: TrackName, pair: _Pair) -> bool:
        if pair.seconds < TOGETHER_S or pair.score < MIN_SCORE:
            return False
        return all(
            self._known.is_free(a, b, pair.at_s) and self._is_best(a, b, pair)
            for a, b in ((one, other), (other, one))
        )

    def _is_best(self, one: TrackName, other: TrackName, pair: _Pair) -> bool:
        """Whether nobody else in the other's camera is nearly as likely to be `one`."""
        return not any(
            name.camera == other.camera
            and name != other
            and rival.seconds >= RIVAL_S
            and rival.score > pair.score - MARGIN
            and self._known.trail(name).was_there(pair.at_s)
            for name, rival in self._pairs[one].items()
        )

    def _prune_if_due(self) -> None:
        """Forget what is older than any comparison needs, and pairs of tracks that are gone."""
        if self._known.prune_if_due():
            for name in [name for name in self._pairs if not self._known.has(name)]:
                for other in self._pairs.pop(name):
                    self._pairs.get(other, {}).pop(name, None)

    @property
    def persons(self) -> Mapping[TrackName, str]:
        """Whom each track of the last minute was linked to."""
        return self._known.persons
