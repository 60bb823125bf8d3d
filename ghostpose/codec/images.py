"""Pictures to bytes and back: JPEG or raw, BGR uint8.

Sizes are checked against the bytes themselves (a JPEG's own header, a raw picture's length) before
anything is allocated for the pixels. OpenCV is imported at the first JPEG, not with this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.errors import DecodeError, InvalidValueError
from ghostpose.types import MAX_SIDE_PX, EncodedPicture

if TYPE_CHECKING:
    from ghostpose.types import ByteArray, PictureCodec

DEFAULT_QUALITY: Final = 90
"""JPEG quality."""

MAX_PICTURE_PX: Final = 7680 * 4320
"""Pixels of the largest picture (8K), 100 MB once decoded."""

_SOI: Final = 0xD8
_SOS: Final = 0xDA
_EOI: Final = 0xD9
_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers SOF0 to SOF15, whose segment holds the size (ITU-T T.81, table B.1)."""
_WITHOUT_LENGTH: Final = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
"""Markers that begin no segment (the same table): TEM, RST0 to RST7, SOI; 0 is none at all."""


def encode_picture(
    image_hw3: ByteArray, codec: PictureCodec = "jpeg", quality: int = DEFAULT_QUALITY
) -> EncodedPicture:
    """Encode a BGR uint8 picture of shape (h, w, 3).

    Raises:
        InvalidValueError: it isn't such a picture, it is too large, or quality isn't 1..100.
    """
    if image_hw3.ndim != 3 or image_hw3.shape[2] != 3 or image_hw3.dtype != np.uint8:
        raise InvalidValueError(
            f"picture: wanted uint8 (h, w, 3), got {image_hw3.dtype} {image_hw3.shape}"
        )
    height, width, _ = image_hw3.shape
    if not (1 <= height <= MAX_SIDE_PX and 1 <= width <= MAX_SIDE_PX) or (
        height * width > MAX_PICTURE_PX
    ):
        raise InvalidValueError(f"picture: {width} x {height} pixels, at most {MAX_PICTURE_PX}")
    if not 1 <= quality <= 100:
        raise InvalidValueError(f"picture: quality {quality} is not within 1..100")
    data = image_hw3.tobytes() if codec == "raw" else _encode_jpeg(image_hw3, quality)
    return EncodedPicture(codec, width, height, data)


def decode_picture(picture: EncodedPicture) -> ByteArray:
    """Decode to BGR uint8 of shape (picture.height, picture.width, 3), perhaps read-only.

    Raises:
        DecodeError: the bytes are no such picture, or one of another size than declared.
    """
    if picture.width * picture.height > MAX_PICTURE_PX:
        raise DecodeError(f"{_name(picture)}: more than {MAX_PICTURE_PX} pixels", picture.data)
    return _decode_raw(picture) if picture.codec == "raw" else _decode_jpeg(picture)


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Return width and height from a JPEG's own header, without decoding it.

    Raises:
        DecodeError: there is no such header.
    """
    position = 2
    if len(data) < 4 or data[0] != 0xFF or data[1] != _SOI:
        raise DecodeError("picture: the bytes don't begin as a JPEG does", data)
    while position + 9 <= len(data):
        marker = data[position + 1]
        if data[position] != 0xFF or marker in (_SOS, _EOI):
            break
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker in _FRAME_HEADERS:
            height = int.from_bytes(data[position + 5 : position + 7])
            return int.from_bytes(data[position + 7 : position + 9]), height
        length = int.from_bytes(data[position + 2 : position + 4])
        # libjpeg passes over markers that have no length, and would find another header than this.
        if marker in _WITHOUT_LENGTH or length < 2:
            break
        position += 2 + length
    raise DecodeError("picture: a JPEG without a frame header", data)


def _name(picture: EncodedPicture) -> str:
    return f"{picture.codec} picture of {picture.width} x {picture.height}"


def _encode_jpeg(image_hw3: ByteArray, quality: int) -> bytes:
    import cv2

    done, data = cv2.imencode(".jpg", image_hw3, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise InvalidValueError(f"picture: OpenCV can't encode {image_hw3.shape} as JPEG")
    return data.tobytes()


def _decode_raw(picture: EncodedPicture) -> ByteArray:
    wanted = picture.width * picture.height * 3
    if len(picture.data) != wanted:
        raise DecodeError(
            f"{_name(picture)}: {len(picture.data)} bytes came, wanted {wanted}", picture.data
        )
    return np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.width, 3)


def _decode_jpeg(picture: EncodedPicture) -> ByteArray:
    import cv2

    size = jpeg_size(picture.data)
    if size != (picture.width, picture.height):
        raise DecodeError(f"{_name(picture)}: its header says {size[0]} x {size[1]}", picture.data)
    # The rotation that a JPEG may ask for isn't wanted: the size is that of the pixels.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image_hw3 = cv2.imdecode(np.frombuffer(picture.data, np.uint8), flags)
    except cv2.error as cause:
        raise DecodeError(f"{_name(picture)}: damaged ({cause})", picture.data) from cause
    if image_hw3 is None or image_hw3.shape != (picture.height, picture.width, 3):
        raise DecodeError(f"{_name(picture)}: damaged", picture.data)
    return np.asarray(image_hw3, np.uint8)
