"""Pictures to bytes and back: JPEG or raw, BGR uint8.

Sizes are checked against the bytes themselves (a JPEG's own header, a raw picture's length) before
anything is allocated for the pixels. OpenCV is imported at the first JPEG, not with this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ghostpose.types import EncodedPicture

if TYPE_CHECKING:
    from ghostpose.types import ByteArray, PictureCodec

DEFAULT_QUALITY: Final = 90
"""JPEG quality."""


def encode_picture(
    image_hw3: ByteArray, codec: PictureCodec = "jpeg", quality: int = DEFAULT_QUALITY
) -> EncodedPicture:
    """Encode a BGR uint8 picture of shape (h, w, 3).

    Raises:
        InvalidValueError: it isn't such a picture, it is too large, or quality isn't 1..100.
    """
    raise NotImplementedError


def decode_picture(picture: EncodedPicture) -> ByteArray:
    """Decode to BGR uint8 of shape (picture.height, picture.width, 3).

    Raises:
        DecodeError: the bytes are no such picture, or one of another size than declared.
    """
    raise NotImplementedError
