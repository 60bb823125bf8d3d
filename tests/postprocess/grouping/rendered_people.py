"""People with known key points, and the maps a perfect network would give for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ghostpose.network.targets import paf_targets, pcm_targets
from ghostpose.types import Maps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.types import FloatArray
    from postprocess.grouping import GroupedPeople

STANDING = np.array(
    [
        (0.00, 0.08),  # nose
        (0.00, 0.19),  # neck
        (-0.11, 0.19),  # right shoulder, elbow, wrist
        (-0.15, 0.35),
        (-0.17, 0.49),
        (0.11, 0.19),  # left shoulder, elbow, wrist
        (0.15, 0.35),
        (0.17, 0.49),
        (-0.07, 0.52),  # right hip, knee, ankle
        (-0.08, 0.74),
        (-0.08, 0.96),
        (0.07, 0.52),  # left hip, knee, ankle
        (0.08, 0.74),
        (0.08, 0.96),
        (-0.03, 0.05),  # eyes: right, left
        (0.03, 0.05),
        (-0.06, 0.07),  # ears: right, left
        (0.06, 0.07),
    ],
    np.float32,
)
"""Key points of somebody who stands facing us: x from the middle, y from the head, heights."""


def standing(x: float, y: float, height: float, shift_k2: FloatArray | None = None) -> FloatArray:
    """Return key points (18, 3) of a person of `height` px, middle of the head's top at x, y."""
    keypoints_k3 = np.ones((18, 3), np.float32)
    shape_k2 = STANDING if shift_k2 is None else STANDING + shift_k2
    keypoints_k3[:, :2] = shape_k2 * height + (x, y)
    return keypoints_k3


def crowd(rows: int, columns: int, *, height: float, pitch_x: float, pitch_y: float) -> FloatArray:
    """Return people (p, 18, 3) standing in a grid, no two at the same place within a cell."""
    return np.stack(
        [
            standing(pitch_x * (0.5 + column) + 0.7 * row, pitch_y * row + 6 + 0.9 * column, height)
            for row in range(rows)
            for column in range(columns)
        ]
    )


def render(keypoints_pk3: FloatArray, height: int, width: int, offset_cells: float = 0.0) -> Maps:
    """Return the maps of people in a network input of `height` x `width` pixels."""
    return Maps(
        pcm_targets(keypoints_pk3, height, width),
        paf_targets(keypoints_pk3, height, width, offset_cells=offset_cells),
        offset_cells,
    )


def assert_same_people(
    grouped: GroupedPeople, wanted: Sequence[FloatArray] | FloatArray, within_px: float = 1.0
) -> None:
    """Each wanted person is found once, with the same key points, within so many pixels."""
    assert len(grouped.keypoints_pk3) == len(wanted)
    left = list(grouped.keypoints_pk3)
    for person_k3 in wanted:
        distances = [_distance(found_k3, person_k3) for found_k3 in left]
        assert min(distances) <= within_px, f"nearest person is {min(distances):.2f} px off"
        left.pop(int(np.argmin(distances)))


def _distance(found_k3: FloatArray, wanted_k3: FloatArray) -> float:
    """Return the largest distance of a key point, infinite if not the same ones are there."""
    known_k = wanted_k3[:, 2] > 0
    if not np.array_equal(found_k3[:, 2] > 0, known_k):
        return np.inf
    gap_k2 = found_k3[known_k, :2] - wanted_k3[known_k, :2]
    return float(np.hypot(*gap_k2.T).max())
