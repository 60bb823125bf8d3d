"""Crops of pictures for training: one affine map a crop, then what cameras do to colours.

Everything random comes from the generator given, so that a crop can be made again.

Shape legend: h, w rows and columns; p people; k the 18 key points; n boxes; 3 = x, y, labelled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ghostpose.skeleton import MIRROR

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from ghostpose.types import ByteArray, FloatArray
    from training.data.pictures import Picture

NETWORK_HEIGHT_PX: Final = 368
"""Scale 1 makes a picture this high, as evaluation does."""

PADDING: Final = (128, 128, 128)
"""What lies outside of a picture: the network's zero."""

_MOST_BLUR_PX: Final = 1.6
_JPEG_QUALITY: Final = (25, 90)


class AugmentConfig(BaseModel):
    """What is done to a picture before the network sees a crop of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: tuple[float, float] = (0.6, 1.4)
    """Smallest and largest scale, drawn evenly in the logarithm; 1 makes pictures 368 px high."""

    rotation_deg: float = Field(default=40.0, ge=0, le=180)
    """Largest rotation either way; drawn from a bell of half that width, cut at this."""

    mirror: float = Field(default=0.5, ge=0, le=1)
    """How often left and right are swapped."""

    jitter: float = Field(default=0.35, ge=0)
    """How far the crop's centre is moved from what it looks at, in crop sides either way."""

    colour: float = Field(default=0.2, ge=0)
    """Strength of changes in contrast, brightness, saturation and the channels' balance."""

    blur: float = Field(default=0.1, ge=0, le=1)
    """How often a crop is blurred."""

    jpeg: float = Field(default=0.15, ge=0, le=1)
    """How often a crop goes through JPEG at a low quality."""


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A square piece of a picture. Key points outside of it are not labelled in it.

    `image_hw3` uint8 BGR; `keypoints_pk3` in its pixels; `ignored_hw` True where people are whose
    key points are not known.
    """

    image_hw3: ByteArray
    keypoints_pk3: FloatArray
    ignored_hw: NDArray[np.bool_]


def make_crop(
    image_hw3: ByteArray, picture: Picture, side_px: int, config: AugmentConfig, rng: Generator
) -> Crop:
    """Return one random crop of `side_px` x `side_px` of a picture."""
    mirrored = bool(rng.random() < config.mirror)
    matrix_23 = _draw_affine(image_hw3, picture, side_px, config, rng, mirrored=mirrored)
    shrink = math.sqrt(abs(float(np.linalg.det(matrix_23[:, :2]))))
    image = cv2.warpAffine(
        _prefiltered(image_hw3, shrink),
        matrix_23,
        (side_px, side_px),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=PADDING,
    )
    image = _disturb(np.asarray(image, np.uint8), config, rng)
    points_pk3 = warp_keypoints(picture.keypoints_pk3, matrix_23, mirrored=mirrored)
    ignored_hw = _warp_boxes(picture.ignored_n4, matrix_23, side_px)
    return Crop(image, drop_outside(points_pk3, side_px, side_px), ignored_hw)


def warp_keypoints(
    keypoints_pk3: FloatArray, matrix_23: NDArray[np.float64], *, mirrored: bool
) -> FloatArray:
    """Return key points moved by an affine map; left and right swap names if it mirrors."""
    moved_pk2 = keypoints_pk3[..., :2] @ matrix_23[:, :2].T + matrix_23[:, 2]
    result_pk3 = np.concatenate([moved_pk2, keypoints_pk3[..., 2:]], axis=-1).astype(np.float32)
    return result_pk3[:, list(MIRROR)] if mirrored else result_pk3


def drop_outside(keypoints_pk3: FloatArray, height: int, width: int) -> FloatArray:
    """Return the key points with those outside of the picture not labelled."""
    x_pk, y_pk = keypoints_pk3[..., 0], keypoints_pk3[..., 1]
    inside_pk = (x_pk > -0.5) & (y_pk > -0.5) & (x_pk < width - 0.5) & (y_pk < height - 0.5)
    result_pk3 = keypoints_pk3.copy()
    result_pk3[..., 2] *= inside_pk
    return result_pk3


def _draw_affine(
    image_hw3: ByteArray,
    picture: Picture,
    side_px: int,
    config: AugmentConfig,
    rng: Generator,
    *,
    mirrored: bool,
) -> NDArray[np.float64]:
    """Return the map (2, 3) from the picture's pixels to the crop's: scale, turn, mirror, move."""
    low, high = (math.log(scale) for scale in config.scale)
    scale = math.exp(rng.uniform(low, high)) * NETWORK_HEIGHT_PX / image_hw3.shape[0]
    limit = config.rotation_deg
    angle = math.radians(float(np.clip(rng.normal(0, limit / 2), -limit, limit)))
    flip = -1.0 if mirrored else 1.0
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    linear_22 = np.array([[flip * cos, -sin], [flip * sin, cos]])
    centre_2 = _look_at(image_hw3, picture, side_px / scale, config.jitter, rng)
    offset_2 = (side_px - 1) / 2 - linear_22 @ centre_2
    return np.concatenate([linear_22, offset_2[:, None]], axis=1)


def _look_at(
    image_hw3: ByteArray, picture: Picture, view: float, jitter: float, rng: Generator
) -> NDArray[np.float64]:
    """Return the picture's point that a crop seeing `view` of its pixels is centred on.

    A labelled person's middle, else anywhere from which the crop stays in the picture; then moved.
    """
    people_pk3 = picture.keypoints_pk3
    if len(people_pk3):
        person_k3 = people_pk3[rng.integers(len(people_pk3))]
        centre_2 = person_k3[person_k3[:, 2] > 0, :2].mean(axis=0).astype(np.float64)
        return np.asarray(centre_2 + rng.uniform(-jitter, jitter, 2) * view)
    size_2 = np.array([image_hw3.shape[1], image_hw3.shape[0]], np.float64)
    room_2 = np.maximum(size_2 - view, jitter * np.minimum(view, size_2)) / 2
    return (size_2 - 1) / 2 + rng.uniform(-1, 1, 2) * room_2


def _prefiltered(image_hw3: ByteArray, scale: float) -> ByteArray:
    """Return the picture blurred as much as shrinking it by `scale` needs, against aliasing."""
    if scale >= 0.75:
        return image_hw3
    sigma = 0.5 * math.sqrt(1 / scale**2 - 1)
    return np.asarray(cv2.GaussianBlur(image_hw3, (0, 0), sigma), np.uint8)


def _warp_boxes(
    boxes_n4: FloatArray, matrix_23: NDArray[np.float64], side_px: int
) -> NDArray[np.bool_]:
    """Return where boxes (x, y, width, height) of the picture lie in the crop, (h, w) bool."""
    inside_hw = np.zeros((side_px, side_px), np.uint8)
    for x, y, width, height in boxes_n4:
        corners_42 = np.array(
            [[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float64
        )
        moved_42 = corners_42 @ matrix_23[:, :2].T + matrix_23[:, 2]
        cv2.fillConvexPoly(inside_hw, np.round(moved_42).astype(np.int32), 1)
    return inside_hw.astype(np.bool_)


def _disturb(image_hw3: ByteArray, config: AugmentConfig, rng: Generator) -> ByteArray:
    """Return the crop with other colours, and now and then blurred or badly compressed."""
    if config.colour:
        image_hw3 = _recolour(image_hw3, config.colour, rng)
    if rng.random() < config.blur:
        sigma = rng.uniform(0.4, _MOST_BLUR_PX)
        image_hw3 = np.asarray(cv2.GaussianBlur(image_hw3, (0, 0), sigma), np.uint8)
    if rng.random() < config.jpeg:
        quality = int(rng.integers(*_JPEG_QUALITY))
        _, data = cv2.imencode(".jpg", image_hw3, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image_hw3 = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return image_hw3


def _recolour(image_hw3: ByteArray, strength: float, rng: Generator) -> ByteArray:
    """Return the crop with contrast, balance, brightness and saturation changed: one 3x4 map."""
    contrast = math.exp(rng.normal(0, strength))
    balance_3 = np.exp(rng.normal(0, strength / 3, 3))
    saturation = max(0.0, 1 + rng.normal(0, 1.5 * strength))
    grey_33 = np.full((3, 3), 1 / 3)
    mix_33 = saturation * np.eye(3) + (1 - saturation) * grey_33
    linear_33 = contrast * mix_33 * balance_3
    middle_3 = np.full(3, 128.0)
    offset_3 = middle_3 + rng.normal(0, 80 * strength) - linear_33 @ middle_3
    matrix_34 = np.concatenate([linear_33, offset_3[:, None]], axis=1)
    return np.asarray(cv2.transform(image_hw3, matrix_34), np.uint8)
