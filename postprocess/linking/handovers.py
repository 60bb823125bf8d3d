"""Which tracks go on in another camera's view: views that adjoin, with or without a strip between.

Somebody walks out of one view, and within seconds somebody walks into another where that walk
leads. It is judged late, once all who could have been either are known, and only if nobody else
fits nearly as well: two who set out alike stay unlinked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postprocess.linking.motion import WINDOW_S, Motion, likeness, motion_at
from postprocess.linking.trails import GAP_S, TrackName, Trail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postprocess.linking.known import Known, Link

LONGEST_GAP_S: Final = 5.0
"""After so long somebody who went out of sight may be anywhere."""

OVERLAP_S: Final = 2.0
"""For so long both may have been in view: where it is longer, tracks are compared side by side."""

MIN_LIKENESS: Final = 0.6

MARGIN: Final = 0.3
"""How much more alike two walks must be than any other two of which one is theirs."""

JUDGED_AFTER_S: Final = LONGEST_GAP_S + OVERLAP_S + WINDOW_S
"""After a track began: then all who began near an end that it may go on from are known, too."""

AWAY_S: Final = 40.0
"""A camera that is so far behind the others is not waited for: theirs would be forgotten."""


class Handovers:
    """Finds tracks that go on from one camera to another among what is `known`."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._unjudged: dict[TrackName, float] = {}

    def begins(self, name: TrackName, at_s: float) -> None:
        """Note that a track began, unless somebody was there before the camera looked."""
        watch = self._known.watches.get(name.camera)
        if watch is not None and at_s - watch.since_s > GAP_S:
            self._unjudged[name] = at_s

    def judge(self) -> list[Link]:
        """Return the links of those about whom nothing more will come."""
        due = [name for name, at_s in self._unjudged.items() if self._is_due(name, at_s)]
        links = []
        for name in due:
            del self._unjudged[name]
            if link := self._judged(name):
                links.append(link)
        return links

    def _is_due(self, name: TrackName, began_s: float) -> bool:
        """Whether all cameras have come far enough, but for those that are away."""
        due_s = began_s + JUDGED_AFTER_S
        return all(
            watch.now_s >= due_s
            or (camera != name.camera and watch.now_s < self._known.newest_s - AWAY_S)
            for camera, watch in self._known.watches.items()
        )

    def _judged(self, name: TrackName) -> Link | None:
        """Return the link of a track to the one that it goes on from, None if that isn't clear."""
        if not (self._known.has(name) and self._known.trail(name).has_beginning):
            return None
        came = _beginning(self._known.trail(name))
        if not came.walks:
            return None
        ends = dict(self._ends_before(name, came))
        scores = {other: likeness(left, came) for other, left in ends.items()}
        likely = [other for other in scores if other.camera != name.camera and ends[other].walks]
        best = max(likely, key=scores.__getitem__, default=None)
        if best is None or scores[best] < MIN_LIKENESS:
            return None
        rivals = [score for other, score in scores.items() if self._are_two(other, best)]
        rivals += [
            likeness(ends[best], motion)
            for other, motion in self._beginnings_after(best, ends[best])
            if self._are_two(other, name)
        ]
        if max(rivals, default=0.0) > scores[best] - MARGIN or not self._may_be_one(best, name):
            return None
        gap_s = max(0.0, came.at_s - ends[best].at_s)
        return self._known.link(best, name, scores[best], gap_s=gap_s)

    def _ends_before(self, name: TrackName, came: Motion) -> Iterator[tuple[TrackName, Motion]]:
        """Yield who went out of sight about when somebody came, wherever that was."""
        for other, trail in self._known.all():
            is_near = -OVERLAP_S <= came.at_s - trail.last_s <= LONGEST_GAP_S
            if other != name and is_near and trail.first_s < came.at_s:
                yield other, _end(trail)

    def _beginnings_after(
        self, name: TrackName, left: Motion
    ) -> Iterator[tuple[TrackName, Motion]]:
        """Yield who came about when somebody went out of sight, wherever that was."""
        for other, trail in self._known.all():
            is_near = -OVERLAP_S <= trail.first_s - left.at_s <= LONGEST_GAP_S
            if other != name and is_near and trail.has_beginning:
                yield other, _beginning(trail)

    def _are_two(self, one: TrackName, other: TrackName) -> bool:
        """Whether two tracks may be two people, as far as is known."""
        return one != other and not self._known.is_one(one, other)

    def _may_be_one(self, left: TrackName, came: TrackName) -> bool:
        """Whether nothing that was told of either speaks against it, and it wasn't told itself."""
        known, persons = self._known, self._known.persons
        left_s, came_s = known.trail(left).last_s, known.trail(came).first_s
        if came in known.linked.get(left, ()):
            return False
        if left in persons and came in persons and persons[left] != persons[came]:
            return False
        goes_on = any(
            known.has(other) and known.trail(other).first_s > left_s - OVERLAP_S
            for other in known.linked.get(left, ())
        )
        if goes_on and not known.is_one(left, came):
            return False
        return known.is_free(left, came, came_s) and known.is_free(came, left, left_s)


def _end(trail: Trail) -> Motion:
    return motion_at(trail.last_s, *trail.between(trail.last_s - WINDOW_S, trail.last_s))


def _beginning(trail: Trail) -> Motion:
    return motion_at(trail.first_s, *trail.between(trail.first_s, trail.first_s + WINDOW_S))
