"""The classic way to number people: each takes over the track next to it in the frame before.

For comparison only. Pairs of people in two successive frames are taken from the most alike down
(COCO's object key point similarity); who is left over is somebody new. No motion, no memory.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.skeleton import OKS_SIGMAS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.types import FloatArray, Person

MIN_SIMILARITY: Final = 0.2
"""People less alike than this are never the same; the best of 0.1 ... 0.5 on TUD-Campus."""

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
    alike = [
        (_similarity(old.keypoints_k3, new.keypoints_k3), i, j)
        for i, old in enumerate(before)
        for j, new in enumerate(now)
    ]
    pairs: dict[int, int] = {}
    for similarity, old, new in sorted(alike, reverse=True):
        if similarity >= MIN_SIMILARITY and new not in pairs and old not in pairs.values():
            pairs[new] = old
    return pairs


def _similarity(first_k3: FloatArray, second_k3: FloatArray) -> float:
    """Return OKS over the key points that both have; the area is that of the first's key points."""
    both_k = (first_k3[:, 2] > 0) & (second_k3[:, 2] > 0)
    if not both_k.any():
        return 0.0
    seen_n2 = first_k3[first_k3[:, 2] > 0, :2]
    area = max(float(np.prod(seen_n2.max(0) - seen_n2.min(0))), 1.0)
    distance2_k = ((first_k3[:, :2] - second_k3[:, :2]) ** 2).sum(1)
    similarity_k = np.exp(-distance2_k / (2 * area * _VARIANCE_K))
    return float(similarity_k[both_k].mean())
