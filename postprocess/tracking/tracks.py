"""What the tracker remembers of a camera, column by column, and the people of one frame.

Shape legend: n tracks; p people; k the 18 key points; 2 = x, y; 3 = x, y, score or a covariance's
three entries; 4 = left, top, right, bottom. Pixels are the source picture's, times media time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ghostpose.skeleton import NUM_KEYPOINTS
from postprocess.grouping.body import body_boxes, body_heights_px

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ghostpose.types import Person

    Floats = NDArray[np.float32]
    Halves = NDArray[np.float16]
    Doubles = NDArray[np.float64]
    Longs = NDArray[np.int64]
    Indices = NDArray[np.intp]

COLUMNS: Final[dict[str, tuple[np.dtype[np.generic], tuple[int, ...]]]] = {
    "number_n": (np.dtype("<i8"), ()),
    "seen_at_n": (np.dtype("<f8"), ()),
    "xy_nk2": (np.dtype("<f4"), (NUM_KEYPOINTS, 2)),
    "slope_nk2": (np.dtype("<f2"), (NUM_KEYPOINTS, 2)),
    "age_nk": (np.dtype("<f2"), (NUM_KEYPOINTS,)),
    "velocity_n2": (np.dtype("<f4"), (2,)),
    "covariance_n3": (np.dtype("<f4"), (3,)),
    "height_n": (np.dtype("<f4"), ()),
}
"""Type and shape of one row of each column: the layout of memory and of the serialised state."""

NEVER: Final = np.float16(np.inf)
"""The age of a key point that was never seen."""


@dataclass(frozen=True, slots=True)
class Tracks:
    """All tracks of a camera, one row each.

    `number_n`: the n of `<camera>-<n>`, 0 while tentative (seen once, weakly, never reported);
    `seen_at_n`: media time of the last match; `xy_nk2`: where each key point is believed to be,
    moving with its body; `slope_nk2`: its filtered speed relative to the body, pixels / s;
    `age_nk`: seconds since it was seen; `velocity_n2`: the body's, pixels / s;
    `covariance_n3`: of the body's position and velocity along one axis (pp, pv, vv) in body
    heights; `height_n`: body height in pixels.
    """

    number_n: Longs
    seen_at_n: Doubles
    xy_nk2: Floats
    slope_nk2: Halves
    age_nk: Halves
    velocity_n2: Floats
    covariance_n3: Floats
    height_n: Floats

    def __len__(self) -> int:
        return len(self.number_n)

    @classmethod
    def none(cls) -> Tracks:
        """Return the tracks of a camera that has seen nobody."""
        return cls(**{name: np.zeros((0, *row), dtype) for name, (dtype, row) in COLUMNS.items()})

    def rows(self, which_n: NDArray[np.bool_] | Indices) -> Tracks:
        """Return the chosen rows, in that order."""
        return Tracks(*(column[which_n] for column in self._columns()))

    def first(self, count: int) -> Tracks:
        """Return at most the first `count` rows."""
        return self if len(self) <= count else self.rows(np.arange(count))

    def followed_by(self, *others: Tracks) -> Tracks:
        """Return these rows and then those of the others."""
        parts = [tracks for tracks in (self, *others) if len(tracks)]
        if len(parts) < 2:
            return parts[0] if parts else self
        columns = zip(*(part._columns() for part in parts), strict=True)
        return Tracks(*map(np.concatenate, columns))

    def _columns(self) -> tuple[NDArray[Any], ...]:
        return (
            *(self.number_n, self.seen_at_n, self.xy_nk2, self.slope_nk2),
            *(self.age_nk, self.velocity_n2, self.covariance_n3, self.height_n),
        )


@dataclass(frozen=True, slots=True)
class Sightings:
    """The people of one frame as arrays, in their order."""

    keypoints_pk3: Floats
    score_p: Floats
    height_p: Floats
    box_p4: Floats

    @classmethod
    def of(cls, people: Sequence[Person]) -> Sightings:
        """Measure `people` as they came from grouping."""
        stacked = [person.keypoints_k3 for person in people]
        keypoints = np.stack(stacked) if stacked else np.zeros((0, NUM_KEYPOINTS, 3), np.float32)
        height = body_heights_px(keypoints)
        score = np.array([person.score for person in people], np.float32)
        return cls(keypoints, score, height, body_boxes(keypoints, height))

    def __len__(self) -> int:
        return len(self.score_p)
