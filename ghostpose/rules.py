"""What a camera watches for: zones, lines and postures, as its configuration says it.

Points are `[x, y]` in pixels of the source picture, as poses are. People are judged by their feet.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, field_validator

from ghostpose.frozen import Frozen

MAX_POINTS: Final = 64

_Coordinate = Annotated[float, Field(ge=-100_000, le=100_000, allow_inf_nan=False)]
Point = tuple[_Coordinate, _Coordinate]

RuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]

Posture = Literal["fall", "hands_up"]
"""`fall`: somebody who stood lies on the ground; `hands_up`: both hands held above the head."""


class ZoneConfig(Frozen):
    """An area of the floor: `enter` and `leave` events, and those that are asked for below."""

    name: RuleName
    """Unique among the camera's zones."""

    polygon: Annotated[tuple[Point, ...], Field(min_length=3, max_length=MAX_POINTS)]
    """Its corners in order, `[[x, y], ...]`."""

    dwell_s: float | None = Field(default=None, gt=0, le=86_400)
    """Seconds after which somebody who is still inside is a `dwell` event; None = never."""

    crowd: int | None = Field(default=None, ge=1, le=1000)
    """So many people inside at once are a `crowd` event; None = never."""

    @field_validator("polygon")
    @classmethod
    def _has_an_area(cls, polygon: tuple[Point, ...]) -> tuple[Point, ...]:
        ring = itertools.pairwise((*polygon, polygon[0]))
        if abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in ring)) < 2.0:
            raise ValueError("the polygon has no area")
        return polygon


class LineConfig(Frozen):
    """A line on the floor: `cross` events, `in` to the right of its direction, else `out`."""

    name: RuleName
    """Unique among the camera's lines."""

    points: Annotated[tuple[Point, ...], Field(min_length=2, max_length=MAX_POINTS)]
    """From its beginning to its end, `[[x, y], ...]`. Who walks from its left to its right, as
    seen by somebody who walks along it, goes `in`."""

    @field_validator("points")
    @classmethod
    def _has_a_length(cls, points: tuple[Point, ...]) -> tuple[Point, ...]:
        if any(a == b for a, b in itertools.pairwise(points)):
            raise ValueError("two points after one another are the same")
        return points


GroundPair = tuple[_Coordinate, _Coordinate, _Coordinate, _Coordinate]
"""`[x, y, east, north]`: a pixel, and where on the floor it is in metres."""


def check_ground(pairs: tuple[GroundPair, ...]) -> tuple[GroundPair, ...]:
    """Return points of the floor if there are none, or such as tell where it is.

    Raises:
        InvalidValueError: see `Ground.of`.
    """
    if pairs:
        from ghostpose.ground import Ground  # with numpy, which most configurations don't need

        Ground.of(pairs)
    return pairs


GroundPairs = Annotated[
    tuple[GroundPair, ...], Field(max_length=MAX_POINTS), AfterValidator(check_ground)
]


class Rules(Frozen):
    """All that a camera watches for, and where its floor is."""

    zones: tuple[ZoneConfig, ...] = ()
    lines: tuple[LineConfig, ...] = ()
    postures: tuple[Posture, ...] = ()
    ground: GroundPairs = ()

    def __bool__(self) -> bool:
        return bool(self.zones or self.lines or self.postures or self.ground)
