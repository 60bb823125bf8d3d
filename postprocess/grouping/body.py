"""How tall a body is in the picture, and the box it fills, from whatever key points are seen.

Shape legend: p people; k the 18 key points; 3 = x, y, score (score 0: missing); 4 = left, top,
right, bottom. Lengths of bones are those of a standing adult (Drillis and Contini, 1966, as in
D. Winter, Biomechanics and Motor Control of Human Movement); where key points are in a body's box
was fitted to boxes of whole people in training pictures, as far as Lightweight OpenPose sees them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.skeleton import KEYPOINTS
from postprocess.grouping.kernel import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ghostpose.types import FloatArray

_BONES: Final = (
    ("neck", "right_hip", 0.30),
    ("neck", "left_hip", 0.30),
    ("right_hip", "right_knee", 0.245),
    ("left_hip", "left_knee", 0.245),
    ("right_knee", "right_ankle", 0.246),
    ("left_knee", "left_ankle", 0.246),
    ("right_shoulder", "right_elbow", 0.186),
    ("left_shoulder", "left_elbow", 0.186),
    ("right_elbow", "right_wrist", 0.146),
    ("left_elbow", "left_wrist", 0.146),
    ("neck", "nose", 0.11),
)
"""From, to, and the bone's length as a share of the body's height."""

_BONE_ENDS: Final = np.array([(KEYPOINTS.index(a), KEYPOINTS.index(b)) for a, b, _ in _BONES])
_BONE_SHARE: Final = np.array([share for _, _, share in _BONES], np.float32)


def _of_kind(values: dict[str, float]) -> FloatArray:
    return np.array([values[name.rsplit("_", 1)[-1]] for name in KEYPOINTS], np.float32)


_DEPTH_K: Final = _of_kind(
    {
        "nose": 0.113,
        "eye": 0.092,
        "ear": 0.096,
        "neck": 0.20,
        "shoulder": 0.20,
        "elbow": 0.34,
        "wrist": 0.415,
        "hip": 0.485,
        "knee": 0.69,
        "ankle": 0.895,
    }
)
"""How far below the box's upper edge each key point is, as a share of the box's height."""

_TRUST_K: Final = (
    _of_kind(
        {
            "nose": 0.05,
            "eye": 0.05,
            "ear": 0.045,
            "neck": 0.04,
            "shoulder": 0.045,
            "elbow": 0.1,
            "wrist": 0.2,
            "hip": 0.055,
            "knee": 0.06,
            "ankle": 0.06,
        }
    )
    ** -2
)
"""How much that says: one over its variance between people."""

_TRUNK_K: Final = _of_kind(
    {"neck": 1.0, "shoulder": 1.0, "hip": 1.0}
    | dict.fromkeys(("nose", "eye", "ear", "elbow", "wrist", "knee", "ankle"), 0.01)
)
"""Whose middle is a body's middle, from left to right: limbs only tell where no trunk is seen."""

_TALL_AS_BONES: Final = 1.03
"""A whole body's box is so many times as tall as the bones say."""

_BONES_TRUST: Final = 1 / 0.12**2
"""How much the height by the bones says beside where key points are: one over its variance."""

_UPRIGHT_MARGIN: Final = 0.03
_SIDE_MARGIN: Final = 0.02
"""A box reaches at least so far beyond its outermost key points, in box heights."""

_HALF_WIDTH: Final = 0.115
_WIDENING: Final = 0.5
"""Half the width of a body that stands slim, in box heights, and how much more it is for each pixel
that half of its key points' width is more."""

_MIDDLE_BY_ALL: Final = 0.6
"""A body's middle is so much that of all its key points, and otherwise that of its trunk."""

_LEAST_TALL: Final = 0.2
"""No box is less tall than this share of what the bones say, even of people who lie."""

MIN_HEIGHT_PX: Final = 4.0
"""No body is smaller: keeps every division by a body height harmless."""


def body_heights_px(keypoints_pk3: FloatArray) -> FloatArray:
    """Return each person's standing height in pixels (p,), as its bones tell it.

    Foreshortening only shortens bones, so the estimate is the upper quartile of what they say; a
    person without any of these bones counts as twice as tall as its key points span.
    """
    return _heights(keypoints_pk3, _BONE_ENDS, _BONE_SHARE, np.float32(MIN_HEIGHT_PX))


def body_boxes(keypoints_pk3: FloatArray, height_p: FloatArray) -> FloatArray:
    """Return the box each whole body fills (p, 4), those of people without key points 0.

    Head and feet are where those of a standing person would be, by all key points together and
    `height_p` (see `body_heights_px`): half a person's box is nearly its own whole one. It always
    holds all key points.
    """
    return _boxes(keypoints_pk3, height_p, _DEPTH_K, _TRUST_K, _TRUNK_K)


def within(box_p4: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Return boxes cut off at the outermost pixels of a picture of `size` (width, height)."""
    return _within(box_p4, *size)


@kernel
def _within(box_p4: FloatArray, width: int, height: int) -> FloatArray:
    cut_p4 = np.empty_like(box_p4)
    for p in range(len(box_p4)):
        for side in range(4):
            most = width - 1 if side % 2 == 0 else height - 1
            cut_p4[p, side] = min(max(box_p4[p, side], 0), most)
    return cut_p4


@kernel
def _heights(
    keypoints_pk3: FloatArray,
    ends_b2: NDArray[np.int64],
    share_b: FloatArray,
    least_px: np.float32,
) -> FloatArray:
    height_p = np.empty(len(keypoints_pk3), np.float32)
    told_b = np.empty(len(share_b), np.float32)
    for p in range(len(keypoints_pk3)):
        point_k3, count = keypoints_pk3[p], 0
        for b in range(len(share_b)):
            start_3, end_3 = point_k3[ends_b2[b, 0]], point_k3[ends_b2[b, 1]]
            if start_3[2] > 0 and end_3[2] > 0:
                length = np.hypot(start_3[0] - end_3[0], start_3[1] - end_3[1])
                told_b[count] = length / share_b[b]
                count += 1
        if count > 0:
            height = np.sort(told_b[:count])[(count - 1) * 3 // 4]
        else:
            left, top, right, bottom = _extent(point_k3)
            height = 2 * max(right - left, bottom - top)
        height_p[p] = max(height, least_px)
    return height_p


@kernel
def _extent(point_k3: FloatArray) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of the key points seen; zeros if there are none."""
    left, top, right, bottom = np.inf, np.inf, -np.inf, -np.inf
    for k in range(len(point_k3)):
        if point_k3[k, 2] > 0:
            left, right = min(left, point_k3[k, 0]), max(right, point_k3[k, 0])
            top, bottom = min(top, point_k3[k, 1]), max(bottom, point_k3[k, 1])
    return (left, top, right, bottom) if left <= right else (0.0, 0.0, 0.0, 0.0)


@kernel
def _boxes(
    keypoints_pk3: FloatArray,
    height_p: FloatArray,
    depth_k: FloatArray,
    trust_k: FloatArray,
    trunk_k: FloatArray,
) -> FloatArray:
    box_p4 = np.zeros((len(keypoints_pk3), 4), np.float32)
    for p in range(len(keypoints_pk3)):
        point_k3 = keypoints_pk3[p]
        if not (point_k3[:, 2] > 0).any():
            continue
        left, top, right, bottom = _extent(point_k3)
        head, tall = _head_and_height(point_k3, height_p[p], depth_k, trust_k)
        box_p4[p, 1] = min(head, top - _UPRIGHT_MARGIN * tall)
        box_p4[p, 3] = max(head + tall, bottom + _UPRIGHT_MARGIN * tall)
        middle = _MIDDLE_BY_ALL * (left + right) / 2
        middle += (1 - _MIDDLE_BY_ALL) * _mean_x(point_k3, trunk_k)
        half = _WIDENING * (right - left) / 2 + _HALF_WIDTH * tall
        box_p4[p, 0] = min(middle - half, left - _SIDE_MARGIN * tall)
        box_p4[p, 2] = max(middle + half, right + _SIDE_MARGIN * tall)
    return box_p4


@kernel
def _head_and_height(
    point_k3: FloatArray, height: float, depth_k: FloatArray, trust_k: FloatArray
) -> tuple[float, float]:
    """Return the top and the height of the box that fits best: weighted least squares.

    Each key point says that it is `depth_k` of the height below the top, the bones how much the
    height is. Errors are measured in `height`, so that everything is of the same size.
    """
    s0, s1, s2 = 0.0, 0.0, _BONES_TRUST
    y0, y1 = 0.0, _BONES_TRUST * _TALL_AS_BONES
    for k in range(len(point_k3)):
        if point_k3[k, 2] > 0:
            trust, depth, y = float(trust_k[k]), float(depth_k[k]), point_k3[k, 1] / height
            s0, s1, s2 = s0 + trust, s1 + trust * depth, s2 + trust * depth * depth
            y0, y1 = y0 + trust * y, y1 + trust * depth * y
    spread = s0 * s2 - s1 * s1
    tall = max((s0 * y1 - s1 * y0) / spread, _LEAST_TALL)
    return height * (y0 - s1 * tall) / s0, height * tall


@kernel
def _mean_x(point_k3: FloatArray, weight_k: FloatArray) -> float:
    total, weights = 0.0, 0.0
    for k in range(len(point_k3)):
        if point_k3[k, 2] > 0:
            total += weight_k[k] * point_k3[k, 0]
            weights += weight_k[k]
    return total / weights
