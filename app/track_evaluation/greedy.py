"""The classic way to number people: each takes over the track next to it in the frame before.

For comparison only; as Lightweight OpenPose's demo does it. People are taken from the strongest
down; each goes on the track of whoever in the frame before shares most key points with it (alike by
COCO's similarity), if those are enough, else it is somebody new. No motion, no memory.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.skeleton import OKS_SIGMAS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.types import FloatArray, Person

MIN_SIMILARITY: Final = 0.5
"""Key points are the same if their similarity is above this."""

MIN_SAME: Final = 3
"""People are the same if so many of their key points are."""

_VARIANCE_K: Final = (2 * np.array(OKS_SIGMAS)) ** 2


class GreedyMatcher:
    """Stands where a `Tracker` would: `update` gives everybody a track."""

    def __init__(self) -> None:
        self._before: tuple[Person, ...] = ()
        self._tracks = 0

    def update(
        self,
        people: Sequence[Person],
        media_time: float,  # noqa: ARG002
        size: tuple[int, int],  # noqa: ARG002
    ) -> tuple[Person, ...]:
        """Return the people of the next frame with tracks."""
        taken = _pairs(self._before, people)
        tracked = []
        for index, person in enumerate(people):
            if index in taken:
                track = self._before[taken[index]].track
            else:
                self._tracks += 1
                track = f"greedy-{self._tracks}"
            tracked.append(replace(person, track=track))
        self._before = tuple(tracked)
        return self._before


def _pairs(before: Sequence[Person], now: Sequence[Person]) -> dict[int, int]:
    """Return who (of now) goes on whose track (of before)."""
    pairs: dict[int, int] = {}
    free = list(range(len(before)))
    for index in sorted(range(len(now)), key=lambda index: -now[index].score):
        same = {old: _same(before[old].keypoints_k3, now[index].keypoints_k3) for old in free}
        best = max(free, key=lambda old: same[old], default=-1)
        if best >= 0 and same[best] >= MIN_SAME:
            pairs[index] = best
            free.remove(best)
    return pairs


def _same(first_k3: FloatArray, second_k3: FloatArray) -> int:
    """Return how many key points are the same; the area is that of the larger skeleton."""
    both_k = (first_k3[:, 2] > 0) & (second_k3[:, 2] > 0)
    area = max(_area(first_k3), _area(second_k3), 1.0)
    distance2_k = ((first_k3[:, :2] - second_k3[:, :2]) ** 2).sum(1)
    similarity_k = np.exp(-distance2_k / (2 * area * _VARIANCE_K))
    return int((both_k & (similarity_k > MIN_SIMILARITY)).sum())


def _area(keypoints_k3: FloatArray) -> float:
    seen_n2 = keypoints_k3[keypoints_k3[:, 2] > 0, :2]
    return float(np.prod(np.ptp(seen_n2, axis=0))) if len(seen_n2) else 0.0
