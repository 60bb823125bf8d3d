"""How tall a body is in the picture, and the box it fills, from whatever key points are seen.

Shape legend: p people; k the 18 key points; 3 = x, y, score (score 0: missing); 4 = left, top,
right, bottom. Proportions are those of a standing adult (Drillis and Contini, 1966, as in
D. Winter, Biomechanics and Motor Control of Human Movement).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.skeleton import KEYPOINTS, NUM_KEYPOINTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Bools = NDArray[np.bool_]

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

_DEPTH: Final = {
    "nose": 0.085,
    "eye": 0.065,
    "ear": 0.075,
    "neck": 0.18,
    "shoulder": 0.18,
    "elbow": 0.37,
    "wrist": 0.51,
    "hip": 0.47,
    "knee": 0.715,
    "ankle": 0.96,
}
_DEPTH_BELOW_TOP: Final = np.array(
    [_DEPTH[name.rsplit("_", 1)[-1]] for name in KEYPOINTS], np.float32
)
"""How far below the top of the head each key point of a standing person is, in body heights."""

_STEADY: Final = np.isin(
    np.arange(NUM_KEYPOINTS),
    [i for i, n in enumerate(KEYPOINTS) if not n.endswith(("elbow", "wrist"))],
)
"""Key points whose height above ground says where head and feet are (arms are raised)."""

MIN_HEIGHT_PX: Final = 4.0
"""No body is smaller: keeps every division by a body height harmless."""

_SIDE_MARGIN: Final = 0.06
_FOOT_MARGIN: Final = 0.04
_LEAST_HALF_WIDTH: Final = 0.12


def body_heights_px(keypoints_pk3: Floats) -> Floats:
    """Return each person's standing height in pixels (p,), as its bones tell it.

    Foreshortening only shortens bones, so the estimate is the upper quartile of what they say; a
    person without any of these bones counts as twice as tall as its key points span.
    """
    xy_pk2, seen_pk = keypoints_pk3[..., :2], keypoints_pk3[..., 2] > 0
    start, end = _BONE_ENDS[:, 0], _BONE_ENDS[:, 1]
    offset_pb2 = xy_pk2[:, start] - xy_pk2[:, end]
    height_pb = np.hypot(offset_pb2[..., 0], offset_pb2[..., 1]) / _BONE_SHARE
    both_pb = seen_pk[:, start] & seen_pk[:, end]
    sorted_pb = np.sort(np.where(both_pb, height_pb, np.float32(np.inf)), axis=1)
    count_p = both_pb.sum(1)
    quartile_p = np.maximum(count_p - 1, 0) * 3 // 4
    told_p = np.take_along_axis(sorted_pb, quartile_p[:, None], 1)[:, 0]
    span_p = 2.0 * _spans_px(xy_pk2, seen_pk)
    height_p = np.where(count_p > 0, told_p, span_p)
    return np.maximum(height_p, np.float32(MIN_HEIGHT_PX)).astype(np.float32)


def _spans_px(xy_pk2: Floats, seen_pk: Bools) -> Floats:
    low_p2, high_p2 = extents(xy_pk2, seen_pk)
    span_p: Floats = (high_p2 - low_p2).max(1)
    return span_p


def extents(xy_pk2: Floats, seen_pk: Bools) -> tuple[Floats, Floats]:
    """Return the least and the greatest x and y, both (p, 2), of the key points seen; else 0."""
    seen_pk1 = seen_pk[..., None]
    anybody_p1 = seen_pk1.any(1)
    low = np.where(seen_pk1, xy_pk2, np.float32(np.inf)).min(1)
    high = np.where(seen_pk1, xy_pk2, np.float32(-np.inf)).max(1)
    return np.where(anybody_p1, low, np.float32(0)), np.where(anybody_p1, high, np.float32(0))


def body_boxes(keypoints_pk3: Floats, height_p: Floats) -> Floats:
    """Return the box each whole body fills (p, 4), for people who stand or walk.

    Where head or feet are missing, the steady key points and `height_p` say where they must be, so
    that half a person's box still overlaps its own whole box of a moment ago.
    """
    xy_pk2, seen_pk = keypoints_pk3[..., :2], keypoints_pk3[..., 2] > 0
    low_p2, high_p2 = extents(xy_pk2, seen_pk)
    top_p = _top(xy_pk2[..., 1], seen_pk, height_p)
    bottom_p = top_p + height_p
    margin_p = np.float32(_SIDE_MARGIN) * height_p
    middle_p = (low_p2[:, 0] + high_p2[:, 0]) / 2
    least_p = np.float32(_LEAST_HALF_WIDTH) * height_p
    half_p = np.maximum((high_p2[:, 0] - low_p2[:, 0]) / 2 + margin_p, least_p)
    feet_p = high_p2[:, 1] + np.float32(_FOOT_MARGIN) * height_p
    box_p4 = np.stack(
        [
            middle_p - half_p,
            np.minimum(top_p, low_p2[:, 1]),
            middle_p + half_p,
            np.where(_has_ankle(seen_pk), feet_p, np.maximum(bottom_p, high_p2[:, 1])),
        ],
        axis=1,
    )
    box_p4[~seen_pk.any(1)] = 0
    return box_p4.astype(np.float32)


def _top(y_pk: Floats, seen_pk: Bools, height_p: Floats) -> Floats:
    weight_pk = np.where(seen_pk, np.where(_STEADY, np.float32(1), np.float32(0.01)), np.float32(0))
    told_pk = np.where(seen_pk, y_pk - _DEPTH_BELOW_TOP * height_p[:, None], np.float32(0))
    total_p = np.maximum(weight_pk.sum(1), np.float32(1e-6))
    top_p: Floats = (weight_pk * told_pk).sum(1) / total_p
    return top_p


def _has_ankle(seen_pk: Bools) -> Bools:
    ankles = [KEYPOINTS.index("right_ankle"), KEYPOINTS.index("left_ankle")]
    return np.asarray(seen_pk[:, ankles].any(1))
