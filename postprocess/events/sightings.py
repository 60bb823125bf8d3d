"""The people of one frame as rules see them: where they stand, how tall they are.

Shape legend: k the 18 key points; 2 = x, y; 3 = x, y, score. Pixels are the source picture's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.skeleton import KEYPOINTS
from postprocess.grouping.body import body_heights_px

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.types import FloatArray, Person, PoseMessage

ANKLES: Final = (KEYPOINTS.index("right_ankle"), KEYPOINTS.index("left_ankle"))

_FOOT_BELOW_ANKLE: Final = 0.04
"""How far below the ankles the soles are, in body heights."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Which frame, and when: `media_time` in seconds of the stream."""

    seq: int
    media_time: float


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One tracked person in one frame. `number` is the n of its track `<camera>-<n>`.

    `foot_2`: where it stands; `height_px`: its standing height, as its bones tell it.
    """

    track: str
    number: int
    foot_2: tuple[float, float]
    height_px: float
    keypoints_k3: FloatArray

    def point(self, index: int) -> tuple[float, float] | None:
        """Return a key point's x and y, None if it wasn't found."""
        x, y, score = self.keypoints_k3[index]
        return (float(x), float(y)) if score > 0 else None


def sightings_of(pose: PoseMessage) -> tuple[Sighting, ...]:
    """Return the tracked people of a pose message."""
    people = [person for person in pose.people if person.track is not None]
    if not people:
        return ()
    keypoints_pk3 = np.stack([person.keypoints_k3 for person in people])
    heights_p = body_heights_px(keypoints_pk3)
    return tuple(_sighting(p, float(h)) for p, h in zip(people, heights_p, strict=True))


def _sighting(person: Person, height_px: float) -> Sighting:
    assert person.track is not None
    return Sighting(
        track=person.track,
        number=int(person.track.rpartition("-")[2]),
        foot_2=_foot(person, height_px),
        height_px=height_px,
        keypoints_k3=person.keypoints_k3,
    )


def _foot(person: Person, height_px: float) -> tuple[float, float]:
    """Return the middle between the feet; of hidden feet, that of the box's lower edge."""
    ankles = [person.keypoints_k3[index] for index in ANKLES]
    seen: Sequence[FloatArray] = [ankle for ankle in ankles if ankle[2] > 0]
    if seen:
        x, y = np.mean([ankle[:2] for ankle in seen], axis=0)
        return float(x), float(y) + _FOOT_BELOW_ANKLE * height_px
    left, top, width, height = person.box
    return left + width / 2, top + height
