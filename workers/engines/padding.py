"""Pictures made to fit the network's stride, and checked that they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.errors import InvalidValueError
from ghostpose.skeleton import STRIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.types import ByteArray

FILL: Final = 128
"""The grey that the network reads as 0."""


def padded_side(side_px: int) -> int:
    """Return the next multiple of 8."""
    return -(-side_px // STRIDE) * STRIDE


def pad_to_stride(image_hw3: ByteArray) -> ByteArray:
    """Return the picture with grey at the right and below up to multiples of 8.

    A picture that fits already is returned itself. Coordinates stay as they are.
    """
    height, width = image_hw3.shape[:2]
    padded_shape = (padded_side(height), padded_side(width), *image_hw3.shape[2:])
    if padded_shape == image_hw3.shape:
        return image_hw3
    padded = np.full(padded_shape, FILL, np.uint8)
    padded[:height, :width] = image_hw3
    return padded


def filled_up(count: int) -> int:
    """Return the next power of two: so many pictures a batch of `count` is filled up to."""
    return 1 << (count - 1).bit_length()


def common_size(images: Sequence[ByteArray]) -> tuple[int, int]:
    """Return height and width of all pictures.

    Raises:
        InvalidValueError: there is none, they differ, or they are no BGR uint8 with sides that are
            multiples of 8.
    """
    shapes = {image.shape for image in images}
    if len(shapes) != 1:
        raise InvalidValueError(f"wanted pictures of one size, got {sorted(shapes)}")
    (shape,) = shapes
    if len(shape) != 3 or shape[2] != 3 or any(image.dtype != np.uint8 for image in images):
        raise InvalidValueError(f"wanted uint8 pictures (h, w, 3), got {images[0].dtype} {shape}")
    height, width = shape[:2]
    if height % STRIDE or width % STRIDE or not height or not width:
        raise InvalidValueError(f"wanted sides that are multiples of {STRIDE}, got {shape[:2]}")
    return height, width
