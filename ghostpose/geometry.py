"""Points, polygons and polylines in the picture, x to the right and y down."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Point = tuple[float, float]


def contains(polygon: Sequence[Point], point: Point) -> bool:
    """Return whether a point is inside a polygon (even-odd rule; of edges, left and top are)."""
    x, y = point
    inside = False
    for (ax, ay), (bx, by) in itertools.pairwise((*polygon, polygon[0])):
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            inside = not inside
    return inside


def distance(polyline: Sequence[Point], point: Point) -> float:
    """Return how far a point is from the nearest point of a polyline."""
    return min(_to_segment(a, b, point) for a, b in itertools.pairwise(polyline))


def crossings(polyline: Sequence[Point], start: Point, end: Point) -> int:
    """Return how often the way from `start` to `end` crosses a polyline: to its right less left.

    Right and left are those of somebody who walks along the polyline, seen from above with y down.
    A way through a joint of two segments counts once.
    """
    return sum(_crossing(a, b, start, end) for a, b in itertools.pairwise(polyline))


def side(a: Point, b: Point, point: Point) -> float:
    """Return > 0 if a point is to the right of the line from `a` to `b` (y down), < 0 to the left.

    It is the distance times the segment's length.
    """
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])


def _to_segment(a: Point, b: Point, point: Point) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    along = ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / (dx * dx + dy * dy)
    nearest = min(1.0, max(0.0, along))
    return math.hypot(point[0] - a[0] - nearest * dx, point[1] - a[1] - nearest * dy)


def _crossing(a: Point, b: Point, start: Point, end: Point) -> int:
    from_right, to_right = side(a, b, start) > 0, side(a, b, end) > 0
    # Half open, so that a joint belongs to one of its two segments only.
    if from_right == to_right or (side(start, end, a) > 0) == (side(start, end, b) > 0):
        return 0
    return 1 if to_right else -1
