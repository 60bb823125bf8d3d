"""Filters of what is read: only people in an area, only what happened in a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ghostpose.client.records import PoseRecord
from ghostpose.errors import InvalidValueError
from ghostpose.feet import foot_of
from ghostpose.geometry import contains

if TYPE_CHECKING:
    from typing import Self

    from ghostpose.client.records import Record

    Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Area:
    """A polygon on the floor, its corners in order in pixels of the source picture."""

    polygon: tuple[Point, ...]

    def __post_init__(self) -> None:
        numbers = [number for point in self.polygon for number in point]
        if len(self.polygon) < 3 or not all(map(math.isfinite, numbers)):
            raise InvalidValueError(
                f"area: wanted three corners or more, got {self.polygon!r}"
                " (Area.box makes one of a box)"
            )

    @classmethod
    def box(cls, left: float, top: float, width: float, height: float) -> Self:
        """Return the area of a box."""
        right, bottom = left + width, top + height
        return cls(((left, top), (right, top), (right, bottom), (left, bottom)))

    def holds(self, point: Point) -> bool:
        """Return whether a point is inside."""
        return contains(self.polygon, point)


@dataclass(frozen=True, slots=True)
class Where:
    """What of the streams is wanted.

    `area`: of pose messages only the people whose feet are in it, of people's events only those
    whose `foot` is; one for all cameras, or one each by name (cameras it doesn't name are whole).
    Messages stay, be they left with nobody. `since` and `until`: only what was captured from the
    one until before the other, Unix seconds; what has no such time counts by when it was told.
    """

    area: Area | Mapping[str, Area] | None = None
    since: float = -math.inf
    until: float = math.inf

    def of(self, record: Record) -> Record | None:
        """Return what is wanted of a record, None if nothing is."""
        if not self.since <= _happened_at(record) < self.until:
            return None
        area = self.area.get(record.camera) if isinstance(self.area, Mapping) else self.area
        return record if area is None else _within(area, record)


def _happened_at(record: Record) -> float:
    if isinstance(record, PoseRecord):
        return record.message.captured_at
    told = record.captured_at
    return record.committed_ms / 1000 if told is None else told


def _within(area: Area, record: Record) -> Record | None:
    if isinstance(record, PoseRecord):
        people = tuple(one for one in record.message.people if area.holds(foot_of(one)))
        return replace(record, message=replace(record.message, people=people))
    # An event without a foot is nobody's, or of somebody who was not seen then.
    return record if record.foot is None or area.holds(record.foot) else None
