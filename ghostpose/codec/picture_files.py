"""Picture files to pixels, their size checked first: a PNG of 17 KB can claim a gigabyte.

OpenCV's own limit is 32 times `MAX_PICTURE_PX`, and can be lowered only before its import. So the
size is read from the file's header here, for the formats that ghostpose takes; all others are
refused. Formats: PNG (RFC 2083), JPEG (ITU-T T.81), WebP (RFC 9649), BMP, TIFF 6.0.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from ghostpose.codec.images import MAX_PICTURE_PX, jpeg_size
from ghostpose.errors import DecodeError
from ghostpose.types import MAX_SIDE_PX

if TYPE_CHECKING:
    from ghostpose.types import ByteArray

FORMATS: Final = "PNG, JPEG, WebP, BMP or TIFF"

_PNG_FIRST_CHUNK: Final = 8
_PNG_AROUND_CHUNK: Final = 12
"""Bytes of a chunk's length, kind and checksum."""

_TIFF_WIDTH: Final = 256
_TIFF_HEIGHT: Final = 257
_TIFF_TYPES: Final = {3: "H", 4: "I"}
"""SHORT and LONG, the types that a size may have."""


def decode_picture_file(data: bytes) -> ByteArray:
    """Decode a picture file to BGR uint8 (h, w, 3), turned as its EXIF says.

    Raises:
        DecodeError: it is too large, damaged, or of no format in `FORMATS`.
    """
    import cv2

    width, height = picture_file_size(data)
    if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX) or (
        width * height > MAX_PICTURE_PX
    ):
        raise DecodeError(
            f"it says that it is {width} x {height}; wanted sides of 1 to {MAX_SIDE_PX} and at most"
            f" {MAX_PICTURE_PX} pixels",
            data,
        )
    try:
        image_hw3 = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as cause:
        raise DecodeError(f"it is damaged ({cause.err})", data) from cause
    if image_hw3 is None:
        raise DecodeError("it is damaged", data)
    return np.asarray(image_hw3, np.uint8)


def picture_file_size(data: bytes) -> tuple[int, int]:
    """Return width and height as the file's header says, before any turning.

    Raises:
        DecodeError: it is of no format in `FORMATS`, or its header is damaged.
    """
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png_size(data)
        if data.startswith(b"\xff\xd8"):
            return jpeg_size(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp_size(data)
        if data.startswith(b"BM"):
            return _bmp_size(data)
        if data.startswith((b"II*\0", b"MM\0*")):
            return _tiff_size(data)
    except struct.error as cause:
        raise DecodeError("its header is cut off", data) from cause
    raise DecodeError(f"it is no {FORMATS} picture", data)


def _unpack(form: str, data: bytes, offset: int) -> tuple[int, int]:
    width, height = struct.unpack_from(form, data, offset)
    return width, height


def _png_size(data: bytes) -> tuple[int, int]:
    """Return the size, once all chunks are seen to lie within the file.

    OpenCV allocates a chunk's length before it reads it: 975 bytes took 2 GB.
    """
    place = _PNG_FIRST_CHUNK
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        place += length + _PNG_AROUND_CHUNK
        if place > len(data):
            raise DecodeError(f"its {kind.decode('ascii', 'replace')} chunk is cut off", data)
    return _unpack(">II", data, 16)


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8 ":  # 14 bits each; above them is a scale
        width, height = _unpack("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    raise DecodeError("its WebP header is damaged", data)


def _bmp_size(data: bytes) -> tuple[int, int]:
    (header_size,) = struct.unpack_from("<I", data, 14)
    if header_size == 12:
        return _unpack("<HH", data, 18)
    width, height = _unpack("<ii", data, 18)
    return width, abs(height)  # negative: rows from the top


def _tiff_size(data: bytes) -> tuple[int, int]:
    """Return the size of the first page, which is the one that is decoded."""
    order: Literal["<", ">"] = "<" if data.startswith(b"II") else ">"
    (page,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, page)
    found: dict[int, int] = {}
    for entry in range(page + 2, page + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        if tag in (_TIFF_WIDTH, _TIFF_HEIGHT):
            if tag in found or kind not in _TIFF_TYPES:  # libtiff might take another than this
                raise DecodeError("its TIFF header gives no one size", data)
            (found[tag],) = struct.unpack_from(f"{order}{_TIFF_TYPES[kind]}", data, entry + 8)
    if len(found) < 2:
        raise DecodeError("its TIFF header gives no size", data)
    return found[_TIFF_WIDTH], found[_TIFF_HEIGHT]
