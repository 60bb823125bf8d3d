"""The floor before a camera: from points of its picture to metres, by a homography.

Shape legend: n points; 2 = x, y; 4 = x, y in the picture, then x, y on the floor; 33 a homography.
It is found by the direct linear transform on normalised points (Hartley and Zisserman, Multiple
View Geometry, algorithm 4.2), as least squares if there are more than four points.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    Point = tuple[float, float]
    Pair = tuple[float, float, float, float]

MIN_PAIRS: Final = 4

MAX_M_A_PIXEL: Final = 0.2
"""Farther away, where a pixel is more of the floor than this, nobody's place can be told."""

_FLAT: Final = 0.02
"""Three points are on a line if the triangle they make, of points normalised to a mean distance of
the square root of 2, is smaller."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Maps points of a picture to the floor; made by `Ground.of`."""

    rows_33: tuple[tuple[float, float, float], ...]

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Ground:
        """Return the map that takes each pair's pixel to its place on the floor, in metres.

        Raises:
            InvalidValueError: there are fewer than four, three of four are on one line, or they
                can't all be in front of one camera.
        """
        if len(pairs) < MIN_PAIRS:
            raise InvalidValueError(f"ground: wanted {MIN_PAIRS} points or more, got {len(pairs)}")
        pairs_n4 = np.array(pairs, np.float64)
        pixel_33, floor_33 = _normalising(pairs_n4[:, :2]), _normalising(pairs_n4[:, 2:])
        pixels_n2, floor_n2 = _moved(pixel_33, pairs_n4[:, :2]), _moved(floor_33, pairs_n4[:, 2:])
        if len(pairs) == MIN_PAIRS:
            _check_no_line(pairs, pixels_n2, floor_n2)
        equations = _equations(pixels_n2, floor_n2)
        _, sizes, directions = np.linalg.svd(equations)
        if len(sizes) < 8 or sizes[7] < 1e-3 * sizes[0]:
            raise InvalidValueError("ground: the points don't fix a plane: are they on one line?")
        inner_33 = directions[-1].reshape(3, 3)
        matrix_33 = np.linalg.inv(floor_33) @ inner_33 @ pixel_33
        depth_n = np.column_stack([pairs_n4[:, :2], np.ones(len(pairs))]) @ matrix_33[2]
        if not (np.all(depth_n > 0) or np.all(depth_n < 0)):
            raise InvalidValueError(
                "ground: these points can't all be on a floor before one camera: are two swapped?"
            )
        matrix_33 /= np.sign(depth_n[0]) * np.linalg.norm(matrix_33)
        return cls(tuple((float(a), float(b), float(c)) for a, b, c in matrix_33))

    def place(self, point: Point) -> Point | None:
        """Return where on the floor a pixel is, in metres.

        None: at the horizon or above, or so far away that a pixel is over `MAX_M_A_PIXEL`.
        """
        x, y = point
        east, north, depth = (a * x + b * y + c for a, b, c in self.rows_33)
        if depth <= 0:
            return None
        place = east / depth, north / depth
        return place if self._m_a_pixel(place, depth) <= MAX_M_A_PIXEL else None

    def _m_a_pixel(self, place: Point, depth: float) -> float:
        """Return how many metres one pixel is there, at most in any direction."""
        down = self.rows_33[2]
        changes = [
            (row[axis] - at * down[axis]) / depth
            for row, at in zip(self.rows_33[:2], place, strict=True)
            for axis in (0, 1)
        ]
        return math.hypot(*changes)

    def errors_m(self, pairs: Sequence[Pair]) -> list[float]:
        """Return how far from its place on the floor each pair's pixel comes, in metres."""
        errors = []
        for x, y, east, north in pairs:
            place = self.place((x, y))
            errors.append(math.inf if place is None else math.dist(place, (east, north)))
        return errors


def _normalising(points_n2: FloatArray) -> FloatArray:
    """Return what moves points' middle to 0 and their mean distance to the square root of 2."""
    middle_2 = points_n2.mean(axis=0)
    distance = float(np.linalg.norm(points_n2 - middle_2, axis=1).mean())
    if not (math.isfinite(distance) and distance > 0):
        raise InvalidValueError("ground: all points are the same one, or are no numbers")
    scale = math.sqrt(2) / distance
    return np.array([[scale, 0, -scale * middle_2[0]], [0, scale, -scale * middle_2[1]], [0, 0, 1]])


def _moved(matrix_33: FloatArray, points_n2: FloatArray) -> FloatArray:
    moved_n2: FloatArray = points_n2 * matrix_33[0, 0] + matrix_33[:2, 2]
    return moved_n2


def _check_no_line(pairs: Sequence[Pair], *planes_n2: FloatArray) -> None:
    for points_n2 in planes_n2:
        for three in itertools.combinations(range(MIN_PAIRS), 3):
            a, b, c = points_n2[list(three)]
            if abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) < 2 * _FLAT:
                named = ", ".join(f"({pairs[i][0]:g}, {pairs[i][1]:g})" for i in three)
                raise InvalidValueError(
                    f"ground: three of the four points are on one line, {named}: choose corners"
                )


def _equations(pixels_n2: FloatArray, floor_n2: FloatArray) -> FloatArray:
    """Return the linear equations (2n, 9) whose solution is the homography."""
    rows = []
    for (x, y), (east, north) in zip(pixels_n2, floor_n2, strict=True):
        rows.append([-x, -y, -1, 0, 0, 0, east * x, east * y, east])
        rows.append([0, 0, 0, -x, -y, -1, north * x, north * y, north])
    return np.array(rows)
