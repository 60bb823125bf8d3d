"""What a linker knows: where tracks were, how far cameras have come, and who was linked to whom."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from postprocess.linking.trails import GAP_S, KEPT_S, Seen, TrackName, Trail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghostpose.geometry import Point

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

    `person`: the first of all tracks linked to it; `together_s`: how long both were seen at once;
    `gap_s`: how long nobody was seen between one's end and the other's beginning, None if they were
    compared while both were seen.
    """

    person: str
    score: float
    together_s: float
    ends: tuple[End, End]
    gap_s: float | None = None


@dataclass(slots=True)
class Watch:
    """How far a camera has come, and since when it was looked at without a break."""

    session: int
    since_s: float
    now_s: float


class Known:
    """Trails, links and persons. For one thread."""

    def __init__(self) -> None:
        self.trails: dict[str, dict[TrackName, Trail]] = {}
        self.watches: dict[str, Watch] = {}
        self.linked: dict[TrackName, set[TrackName]] = {}
        self.persons: dict[TrackName, str] = {}
        self.newest_s = -math.inf
        self._pruned_s = -math.inf

    def watch(self, camera: str, session: int, now_s: float) -> None:
        """Note that all of a camera up to this moment is known."""
        watch = self.watches.get(camera)
        if watch is None or watch.session != session or now_s - watch.now_s > GAP_S:
            self.watches[camera] = Watch(session, now_s, now_s)
        else:
            watch.now_s = max(watch.now_s, now_s)

    def follow(self, sight: Sight) -> Trail | None:
        """Note where a track is; None: it is too soon after the last time to count."""
        trails = self.trails.setdefault(sight.name.camera, {})
        trail = trails.setdefault(sight.name, Trail(sight.seen, sight.seen))
        if not trail.add(sight.place, sight.seen):
            return None
        self.newest_s = max(self.newest_s, sight.seen.captured_at)
        return trail

    def trail(self, name: TrackName) -> Trail:
        """Return the trail of a track that is there."""
        return self.trails[name.camera][name]

    def has(self, name: TrackName) -> bool:
        """Whether a track was seen in the last minute."""
        return name in self.trails.get(name.camera, {})

    def all(self, *, but: str | None = None) -> Iterator[tuple[TrackName, Trail]]:
        """Yield all trails, but those of one camera."""
        for camera, trails in self.trails.items():
            if camera != but:
                yield from trails.items()

    def learn(self, one: TrackName, other: TrackName, person: str) -> None:
        """Note that two tracks are one person."""
        self.linked.setdefault(one, set()).add(other)
        self.linked.setdefault(other, set()).add(one)
        self.persons[one] = self.persons[other] = person

    def is_one(self, one: TrackName, other: TrackName) -> bool:
        """Whether two tracks were linked to the same person."""
        person = self.persons.get(one)
        return person is not None and person == self.persons.get(other)

    def is_free(self, one: TrackName, other: TrackName, at_s: float) -> bool:
        """Whether `one` is nobody else in the other's camera then: nobody is there twice."""
        return not any(
            taken.camera == other.camera and self.trail(taken).was_there(at_s)
            for taken in self.linked.get(one, ())
            if taken != other and self.has(taken)
        )

    def link(
        self,
        one: TrackName,
        other: TrackName,
        score: float,
        *,
        together_s: float = 0.0,
        gap_s: float | None = None,
    ) -> Link:
        """Link two tracks, and return what is to be told of it."""
        first, second = sorted((one, other), key=lambda n: (self.trail(n).first.captured_at, n))
        person = self.persons.get(first) or self.persons.get(second) or first.track
        self.learn(one, other, person)
        return Link(person, score, together_s, (self._end(one), self._end(other)), gap_s)

    def _end(self, name: TrackName) -> End:
        trail = self.trail(name)
        return End(name, trail.first, trail.last)

    def prune_if_due(self) -> bool:
        """Forget what is older than any comparison needs; return whether anything may be gone."""
        if self.newest_s - self._pruned_s < PRUNE_EVERY_S:
            return False
        is_first, self._pruned_s = self._pruned_s == -math.inf, self.newest_s
        if is_first:
            return False  # what was learned of others' links is of tracks that have yet to be seen
        for trails in self.trails.values():
            gone = [n for n, t in trails.items() if not t.forget_before(self.newest_s - KEPT_S)]
            for name in gone:
                del trails[name]
        for name in {*self.linked, *self.persons}:
            if not self.has(name):
                self._forget_links(name)
        return True

    def _forget_links(self, name: TrackName) -> None:
        for other in self.linked.pop(name, ()):
            self.linked.get(other, set()).discard(name)
        self.persons.pop(name, None)
