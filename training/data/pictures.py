"""One training picture: where its file lies and what is known about the people in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.errors import DataError
from ghostpose.skeleton import NUM_KEYPOINTS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ghostpose.types import ByteArray, FloatArray

PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


def _nobody() -> FloatArray:
    return np.zeros((0, NUM_KEYPOINTS, 3), np.float32)


def _nowhere() -> FloatArray:
    return np.zeros((0, 4), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture file with its people; `labelled` is False where nobody has looked.

    `keypoints_pk3`: x, y in pixels of the file and 1 where labelled, necks included;
    `ignored_n4`: boxes (x, y, width, height) of people whose key points are not known.
    """

    path: Path
    labelled: bool = False
    keypoints_pk3: FloatArray = field(default_factory=_nobody)
    ignored_n4: FloatArray = field(default_factory=_nowhere)


def read_picture(path: Path) -> ByteArray:
    """Return the picture as uint8 BGR (h, w, 3).

    Raises:
        DataError: the file is missing or no picture.
    """
    import cv2

    try:
        data: NDArray[np.uint8] = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(f"picture {path} can't be read: {error.strerror or error}") from error
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise DataError(f"picture {path} is damaged or no picture: {data.size} bytes")
    return np.asarray(image, np.uint8)
