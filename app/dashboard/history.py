"""A camera's last minutes, told from samples of its pose messages: pure functions.

Shape legend: the heat map has `HEAT_ROWS` rows of `HEAT_COLUMNS` cells over the source picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ghostpose.types import Person

HEAT_COLUMNS: Final = 48
HEAT_ROWS: Final = 27

MAX_TRACKS: Final = 60
"""Tracks that a timeline shows; the longest are kept."""

MISSED: Final = 2.5
"""A track that isn't in so many samples after one another has gone meanwhile."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Who was there at one moment. `at`: Unix seconds; `feet`: x, y in shares of the picture."""

    at: float
    tracks: tuple[str, ...]
    people: int
    feet: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Stay:
    """From when to when a track was seen without a break. Unix seconds."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class TrackLine:
    """One track's row of a timeline."""

    track: str
    stays: tuple[Stay, ...]


@dataclass(frozen=True, slots=True)
class PeoplePoint:
    """How many people there were at a moment, Unix seconds."""

    at: float
    people: float


@dataclass(frozen=True, slots=True)
class History:
    """A stretch of a camera's time, from samples `every_s` seconds apart.

    `heat_rc`: how often somebody's feet were in each cell. `dropped_tracks`: those that are not
    among `tracks` since there are too many.
    """

    begin: float
    end: float
    every_s: float
    people: tuple[PeoplePoint, ...]
    tracks: tuple[TrackLine, ...]
    dropped_tracks: int
    heat_rc: tuple[tuple[int, ...], ...]


def moment_of(at: float, people: Sequence[Person], width: int, height: int) -> Moment:
    """Return a pose message's people as a moment; their feet are where their boxes end."""
    feet = []
    for person in people:
        left, top, box_width, box_height = person.box
        feet.append(((left + box_width / 2) / width, (top + box_height) / height))
    tracks = tuple(person.track for person in people if person.track is not None)
    return Moment(at, tracks, len(people), tuple(feet))


def history_of(moments: Sequence[Moment], begin: float, end: float, every_s: float) -> History:
    """Return what moments in the order of time come to."""
    kept, dropped = _longest_lines(_track_lines(moments, every_s))
    return History(
        begin=begin,
        end=end,
        every_s=every_s,
        people=tuple(PeoplePoint(moment.at, moment.people) for moment in moments),
        tracks=kept,
        dropped_tracks=dropped,
        heat_rc=_heat(foot for moment in moments for foot in moment.feet),
    )


def _longest_lines(lines: Sequence[TrackLine]) -> tuple[tuple[TrackLine, ...], int]:
    """Return the longest lines, at most `MAX_TRACKS`, by their begin; and how many are left out."""
    kept = sorted(lines, key=_seen_s, reverse=True)[:MAX_TRACKS]
    kept.sort(key=lambda line: line.stays[0].begin)
    return tuple(kept), len(lines) - len(kept)


def _track_lines(moments: Sequence[Moment], every_s: float) -> list[TrackLine]:
    seen: dict[str, list[float]] = {}
    for moment in moments:
        for track in moment.tracks:
            seen.setdefault(track, []).append(moment.at)
    return [TrackLine(track, _stays(times, every_s)) for track, times in seen.items()]


def _stays(times: Sequence[float], every_s: float) -> tuple[Stay, ...]:
    stays = [Stay(times[0], times[0])]
    for at in times[1:]:
        if at - stays[-1].end <= MISSED * every_s:
            stays[-1] = Stay(stays[-1].begin, at)
        else:
            stays.append(Stay(at, at))
    return tuple(stays)


def _seen_s(line: TrackLine) -> float:
    return sum(stay.end - stay.begin for stay in line.stays)


def _heat(feet: Iterable[tuple[float, float]]) -> tuple[tuple[int, ...], ...]:
    cells = [[0] * HEAT_COLUMNS for _ in range(HEAT_ROWS)]
    for x, y in feet:
        column = min(HEAT_COLUMNS - 1, max(0, int(x * HEAT_COLUMNS)))
        row = min(HEAT_ROWS - 1, max(0, int(y * HEAT_ROWS)))
        cells[row][column] += 1
    return tuple(map(tuple, cells))
