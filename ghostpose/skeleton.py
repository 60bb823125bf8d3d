"""The 18-key-point skeleton as data: names, limbs and their PAF channels, COCO mapping, OKS sigmas.

The order is that of OpenPose and of the weights' output channels. PCM channel k belongs to key
point k; channel 18 is background. The neck is no COCO key point: it is the middle of the shoulders.
"""

from __future__ import annotations

from typing import Final, NamedTuple

KEYPOINTS: Final = (
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
)
NUM_KEYPOINTS: Final = len(KEYPOINTS)

PCM_CHANNELS: Final = NUM_KEYPOINTS + 1
"""One confidence map a key point, then background."""

BACKGROUND_CHANNEL: Final = NUM_KEYPOINTS

STRIDE: Final = 8
"""Input pixels a map cell; cell (i, j) has its centre at input pixel (8j + 3.5, 8i + 3.5)."""


class Limb(NamedTuple):
    """A directed pair of key points with the PAF channels that point from `start` to `end`."""

    start: int
    end: int
    paf_x: int
    paf_y: int


LIMBS: Final = (
    Limb(1, 2, 12, 13),
    Limb(1, 5, 20, 21),
    Limb(2, 3, 14, 15),
    Limb(3, 4, 16, 17),
    Limb(5, 6, 22, 23),
    Limb(6, 7, 24, 25),
    Limb(1, 8, 0, 1),
    Limb(8, 9, 2, 3),
    Limb(9, 10, 4, 5),
    Limb(1, 11, 6, 7),
    Limb(11, 12, 8, 9),
    Limb(12, 13, 10, 11),
    Limb(1, 0, 28, 29),
    Limb(0, 14, 30, 31),
    Limb(14, 16, 34, 35),
    Limb(0, 15, 32, 33),
    Limb(15, 17, 36, 37),
    Limb(2, 16, 18, 19),
    Limb(5, 17, 26, 27),
)
NUM_LIMBS: Final = len(LIMBS)
PAF_CHANNELS: Final = 2 * NUM_LIMBS

TREE_LIMBS: Final = tuple(range(17))
"""Limbs that span the body as a tree rooted at the neck; assembly walks these."""

EXTRA_LIMBS: Final = (17, 18)
"""Shoulder to ear: they close loops, so they only confirm or merge."""

MIRROR: Final = (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16)
"""Key point k of a mirrored picture is key point MIRROR[k] of the picture."""

COCO_KEYPOINTS: Final = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)

COCO_TO_OURS: Final = tuple(KEYPOINTS.index(name) for name in COCO_KEYPOINTS)
"""COCO key point c is our key point COCO_TO_OURS[c]."""

_COCO_SIGMAS: Final = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
}

OKS_SIGMAS: Final = tuple(
    0.079 if name == "neck" else _COCO_SIGMAS[name.rsplit("_", 1)[-1]] for name in KEYPOINTS
)
"""COCO's per-key-point constants (k_i = 2 sigma_i); the neck takes the shoulders'."""
