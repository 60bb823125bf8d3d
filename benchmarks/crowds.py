"""Maps of known people, drawn by the formulas of the training targets, a little noise added."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ghostpose.network.targets import paf_targets, pcm_targets
from ghostpose.types import Maps

if TYPE_CHECKING:
    from ghostpose.types import FloatArray

HEIGHT_PX, WIDTH_PX = 368, 656
NOISE = 0.01

STANDING = (
    *((0.0, 0.08), (0.0, 0.19)),  # nose, neck; then arms, legs, eyes, ears, right before left
    *((-0.11, 0.19), (-0.15, 0.35), (-0.17, 0.49), (0.11, 0.19), (0.15, 0.35), (0.17, 0.49)),
    *((-0.07, 0.52), (-0.08, 0.74), (-0.08, 0.96), (0.07, 0.52), (0.08, 0.74), (0.08, 0.96)),
    *((-0.03, 0.05), (0.03, 0.05), (-0.06, 0.07), (0.06, 0.07)),
)
"""A body's 18 key points: x from its middle, y from its top, in heights."""

CROWDS = {
    1: (1, 1, 300.0),
    5: (1, 5, 250.0),
    20: (2, 10, 170.0),
    40: (2, 20, 130.0),
    80: (4, 20, 86.0),
}
"""People -> rows, columns, and height of each in pixels."""


def crowd(people: int) -> FloatArray:
    """Return people (p, 18, 3) in a grid over the picture, a little out of line."""
    rows, columns, height = CROWDS[people]
    rng = np.random.default_rng(people)
    people_pk3 = np.ones((people, 18, 3), np.float32)
    pitch_y, pitch_x = HEIGHT_PX / rows, WIDTH_PX / columns
    for p, person_k3 in enumerate(people_pk3):
        row, column = divmod(p, columns)
        x = (column + 0.5) * pitch_x + rng.uniform(-0.1, 0.1) * pitch_x
        y = row * pitch_y + 0.5 * (pitch_y - height) + rng.uniform(-3, 3)
        person_k3[:, :2] = np.array(STANDING) * height + (x, y)
    return people_pk3


def maps_of(people_pk3: FloatArray) -> Maps:
    """Return the maps that a network without faults would give of these people, 46 x 82 cells."""
    maps = (
        pcm_targets(people_pk3, HEIGHT_PX, WIDTH_PX),
        paf_targets(people_pk3, HEIGHT_PX, WIDTH_PX),
    )
    rng = np.random.default_rng(7)
    return Maps(*(m + rng.normal(0, NOISE, m.shape).astype(np.float32) for m in maps))


def true_people_found(truth_pk3: FloatArray, found_pk3: FloatArray) -> int:
    """Return how many of the true people somebody of those found stands for, each once.

    One stands for another whose key points it has, most of them, within a twentieth of a height.
    """
    left, count = list(found_pk3), 0
    for person_k3 in truth_pk3:
        near_px = 0.05 * float(np.ptp(person_k3[:, 1]))
        for index, other_k3 in enumerate(left):
            distance_k = np.hypot(*(person_k3 - other_k3)[:, :2].T)
            if np.mean((other_k3[:, 2] > 0) & (distance_k <= near_px)) > 0.5:
                del left[index]
                count += 1
                break
    return count
