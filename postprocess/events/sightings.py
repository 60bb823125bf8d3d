"""The people of one frame as rules see them: where they stand, how tall they are.

Shape legend: k the 18 key points; 2 = x, y; 3 = x, y, score. Pixels are the source picture's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ghostpose.feet import foot_of
from postprocess.grouping.body import body_heights_px

if TYPE_CHECKING:
    from ghostpose.types import FloatArray, Person, PoseMessage


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
        foot_2=foot_of(person),
        height_px=height_px,
        keypoints_k3=person.keypoints_k3,
    )
