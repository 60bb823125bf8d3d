"""Maps to bytes and back: float16, or the compact codec."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ghostpose.types import Maps, MapsCodec


def encode_maps(maps: Maps, codec: MapsCodec = "compact") -> bytes:
    """Encode the maps of one picture.

    Raises:
        InvalidValueError: a value isn't finite, or there are more cells than `MAX_MAP_CELLS`.
    """
    raise NotImplementedError


def decode_maps(data: bytes) -> Maps:
    """Decode what `encode_maps` made; the bytes say which codec it was.

    The background channel of compact maps is zeros: nothing reads it.

    Raises:
        DecodeError: the bytes are no maps, or too large.
    """
    raise NotImplementedError
