"""What the network should say for known people: PCM and PAF targets (design.md section 3).

Shape legend: p people; k the 18 key points; l the 19 limbs; h, w map rows and columns; c channels;
3 = x, y, labelled (0 or 1). Positions are network-input pixels unless named `_cells`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.errors import InvalidValueError
from ghostpose.skeleton import (
    BACKGROUND_CHANNEL,
    LIMBS,
    NUM_KEYPOINTS,
    PAF_CHANNELS,
    PCM_CHANNELS,
    STRIDE,
)

if TYPE_CHECKING:
    from ghostpose.types import FloatArray

SIGMA_PX: Final = 7.0
"""Standard deviation of a PCM peak, in network-input pixels."""

THICKNESS_CELLS: Final = 1.0
"""How far from a limb its PAF reaches."""

CENTRE_PX: Final = (STRIDE - 1) / 2
"""Input pixel of the centre of cell 0."""

_STARTS: Final = np.array([limb.start for limb in LIMBS])
_ENDS: Final = np.array([limb.end for limb in LIMBS])
_PAF_X: Final = np.array([limb.paf_x for limb in LIMBS])
_PAF_Y: Final = np.array([limb.paf_y for limb in LIMBS])
_SHORTEST_CELLS: Final = 1e-3
"""A shorter limb has no direction."""


def pcm_targets(
    keypoints_pk3: FloatArray, height: int, width: int, *, sigma_px: float = SIGMA_PX
) -> FloatArray:
    """Return the PCM (19, h, w) of people in an input of `height` x `width` pixels.

    A Gaussian a labelled key point, the maximum over people, and 1 - the strongest as background.

    Raises:
        InvalidValueError: the key points' shape or the input's size is wrong.
    """
    rows, columns = _map_size(keypoints_pk3, height, width)
    pcm_chw = np.zeros((PCM_CHANNELS, rows, columns), np.float32)
    y_h, x_w = _centres_px(rows), _centres_px(columns)
    for person_k3 in keypoints_pk3:
        bell_kw = _bell(x_w - person_k3[:, :1], sigma_px) * (person_k3[:, 2:] > 0)
        bell_kh = _bell(y_h - person_k3[:, 1:2], sigma_px)
        peak_khw = bell_kh[:, :, None] * bell_kw[:, None, :]
        np.maximum(pcm_chw[:NUM_KEYPOINTS], peak_khw, out=pcm_chw[:NUM_KEYPOINTS])
    pcm_chw[BACKGROUND_CHANNEL] = 1 - pcm_chw[:NUM_KEYPOINTS].max(axis=0)
    return pcm_chw


def paf_targets(
    keypoints_pk3: FloatArray,
    height: int,
    width: int,
    *,
    thickness_cells: float = THICKNESS_CELLS,
    offset_cells: float = 0.0,
) -> FloatArray:
    """Return the PAF (38, h, w) of people in an input of `height` x `width` pixels.

    Unit vectors from a limb's start to its end in every cell within `thickness_cells` of it,
    averaged where limbs of a kind overlap. `offset_cells` moves the limbs right and down, for
    weights whose PAF sit that far off (`paf_offset_cells` of their header).

    Raises:
        InvalidValueError: the key points' shape or the input's size is wrong.
    """
    rows, columns = _map_size(keypoints_pk3, height, width)
    sum_2lhw = np.zeros((2, len(LIMBS), rows, columns), np.float32)
    count_lhw = np.zeros((len(LIMBS), rows, columns), np.float32)
    for person_k3 in keypoints_pk3:
        vector_l2, near_lhw = _limbs(person_k3, rows, columns, thickness_cells, offset_cells)
        count_lhw += near_lhw
        sum_2lhw += vector_l2.T[:, :, None, None] * near_lhw
    sum_2lhw /= np.maximum(count_lhw, 1)
    paf_chw = np.empty((PAF_CHANNELS, rows, columns), np.float32)
    paf_chw[_PAF_X], paf_chw[_PAF_Y] = sum_2lhw
    return paf_chw


def add_necks(keypoints_pk3: FloatArray) -> FloatArray:
    """Return the key points with necks set: mid of the shoulders where both are labelled."""
    result_pk3 = keypoints_pk3.copy()
    right_p3, left_p3 = keypoints_pk3[:, 2], keypoints_pk3[:, 5]
    both_p1 = (right_p3[:, 2:] > 0) & (left_p3[:, 2:] > 0)
    middle_p2 = (right_p3[:, :2] + left_p3[:, :2]) / 2
    result_pk3[:, 1] = np.where(both_p1, np.concatenate([middle_p2, both_p1], axis=1), 0)
    return result_pk3


def _limbs(
    person_k3: FloatArray, rows: int, columns: int, thickness_cells: float, offset_cells: float
) -> tuple[FloatArray, FloatArray]:
    """Return a person's unit vectors (l, 2) and, as 0 or 1, the cells near each limb (l, h, w)."""
    points_k2 = (person_k3[:, :2] - CENTRE_PX) / STRIDE + offset_cells
    start_l2, end_l2 = points_k2[_STARTS], points_k2[_ENDS]
    length_l = np.linalg.norm(end_l2 - start_l2, axis=1)
    known_l = (person_k3[_STARTS, 2] > 0) & (person_k3[_ENDS, 2] > 0) & (length_l > _SHORTEST_CELLS)
    vector_l2 = (end_l2 - start_l2) / np.maximum(length_l, _SHORTEST_CELLS)[:, None]
    x_lw = np.arange(columns) - start_l2[:, :1]
    y_lh = np.arange(rows) - start_l2[:, 1:]
    dx_lhw, dy_lhw = x_lw[:, None, :], y_lh[:, :, None]
    along_lhw = dx_lhw * vector_l2[:, 0, None, None] + dy_lhw * vector_l2[:, 1, None, None]
    nearest_lhw = np.clip(along_lhw, 0, length_l[:, None, None])
    gap_lhw = np.hypot(
        dx_lhw - nearest_lhw * vector_l2[:, 0, None, None],
        dy_lhw - nearest_lhw * vector_l2[:, 1, None, None],
    )
    near_lhw = (gap_lhw <= thickness_cells) & known_l[:, None, None]
    return vector_l2.astype(np.float32), near_lhw.astype(np.float32)


def _map_size(keypoints_pk3: FloatArray, height: int, width: int) -> tuple[int, int]:
    if keypoints_pk3.ndim != 3 or keypoints_pk3.shape[1:] != (NUM_KEYPOINTS, 3):
        raise InvalidValueError(
            f"targets: wanted key points (p, {NUM_KEYPOINTS}, 3), got {keypoints_pk3.shape}"
        )
    if height <= 0 or width <= 0 or height % STRIDE or width % STRIDE:
        raise InvalidValueError(
            f"targets: input {height} x {width} is not made of positive multiples of {STRIDE}"
        )
    return height // STRIDE, width // STRIDE


def _centres_px(cells: int) -> FloatArray:
    return (np.arange(cells) * STRIDE + CENTRE_PX).astype(np.float32)


def _bell(distance: FloatArray, sigma: float) -> FloatArray:
    bell: FloatArray = np.exp(-(distance**2) / np.float32(2 * sigma**2))
    return bell
