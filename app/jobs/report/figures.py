"""The numbers of a report: pure functions of what the store holds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ghostpose.types import EventMessage
    from postprocess.store.results import PeopleCount, StoredTrack

STRETCHES_S: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)
"""Lengths of time that people are counted over: the first is taken that gives few enough."""

MOST_STRETCHES: Final = 200

STAYS_S: Final = (5, 15, 60, 300)
"""Bounds between which tracks are counted by how long they were seen."""

LONGEST: Final = 10


@dataclass(frozen=True, slots=True)
class Stays:
    """How long people stayed in a zone, of those whose coming and leaving were both told."""

    zone: str
    count: int
    median_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class Happened:
    """Events of one kind at one place: how often, and when first and last."""

    kind: str
    place: str
    count: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What a page shows of a camera from `since` until `until`; counts are for each `stretch_s`."""

    camera: str
    since: float
    until: float
    frames: int
    mean: float
    most: int
    stretch_s: float
    counts: Sequence[PeopleCount]
    tracks: int
    median_s: float
    longest: Sequence[StoredTrack]
    by_length: Sequence[int]
    stays: Sequence[Stays]
    happened: Sequence[Happened]


def stretch_for(length_s: float) -> float:
    """Return over which stretches to count people in a time of `length_s`."""
    fits = (s for s in STRETCHES_S if length_s / s <= MOST_STRETCHES)
    return float(next(fits, STRETCHES_S[-1]))


def figures(
    camera: str,
    since: float,
    until: float,
    counts: Sequence[PeopleCount],
    tracks: Sequence[StoredTrack],
    events: Sequence[EventMessage],
) -> Figures:
    """Sum up what was counted, tracked and told."""
    frames = sum(count.frames for count in counts)
    people = sum(count.mean * count.frames for count in counts)
    lengths = [_length_s(track) for track in tracks]
    return Figures(
        camera,
        since,
        until,
        frames,
        mean=people / frames if frames else 0.0,
        most=max((count.most for count in counts), default=0),
        stretch_s=stretch_for(until - since),
        counts=counts,
        tracks=len(tracks),
        median_s=median(lengths) if lengths else 0.0,
        longest=sorted(tracks, key=_length_s, reverse=True)[:LONGEST],
        by_length=lengths_counted(lengths),
        stays=stays_of(events),
        happened=happened_in(events),
    )


def _length_s(track: StoredTrack) -> float:
    return track.last_at - track.first_at


def lengths_counted(lengths_s: Iterable[float]) -> tuple[int, ...]:
    """Return how many are below the first bound of `STAYS_S`, between each two, above the last."""
    counts = [0] * (len(STAYS_S) + 1)
    for length_s in lengths_s:
        counts[sum(length_s >= bound for bound in STAYS_S)] += 1
    return tuple(counts)


def stays_of(events: Iterable[EventMessage]) -> tuple[Stays, ...]:
    """Match who entered a zone with when they left it; events are in the order of time."""
    entered: dict[tuple[int, object, object], float] = {}
    stays: dict[str, list[float]] = defaultdict(list)
    for event in events:
        key = (event.session, event.details.get("track"), event.details.get("zone"))
        if event.kind == "enter":
            entered[key] = at(event)
        elif event.kind == "leave" and key in entered:
            stays[str(key[2])].append(at(event) - entered.pop(key))
    return tuple(
        Stays(zone, len(lengths), median(lengths), max(lengths))
        for zone, lengths in sorted(stays.items())
    )


def happened_in(events: Iterable[EventMessage]) -> tuple[Happened, ...]:
    """Count events by their kind and place, and crossings and crowds by which way or state."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in events:
        times[event.kind, place_of(event)].append(at(event))
    return tuple(
        Happened(kind, place, len(found), min(found), max(found))
        for (kind, place), found in sorted(times.items())
    )


def place_of(event: EventMessage) -> str:
    """Return where and how an event happened, as far as its kind says it."""
    words = (event.details.get(name) for name in ("zone", "line", "direction", "state"))
    return " ".join(str(word) for word in words if word)


def at(event: EventMessage) -> float:
    """Return when an event was captured, Unix seconds."""
    value = event.details["captured_at"]
    assert isinstance(value, int | float)
    return float(value)
