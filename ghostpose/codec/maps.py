"""Maps to bytes and back: float16, or the compact codec.

Both begin with one header (`_HEADER`: mark, major version, codec, h, w, `paf_offset_cells`).

float16: all 19 + 38 maps, row by row. Magnitudes under the smallest normal half (6.1e-5) become 0.

compact: the 18 + 38 maps that something reads (no background) as int8 with one scale a map, so a
map's error is at most its maximum / 254; magnitudes under 0.02 become 0, which leaves mostly zeros
for the lz4 block behind the scales.

Every size is checked before anything is allocated for it. Shapes: c channels, h rows, w columns.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import lz4.block
import numpy as np

from ghostpose.errors import DecodeError, InvalidValueError, ProtocolVersionError
from ghostpose.skeleton import BACKGROUND_CHANNEL, PAF_CHANNELS, PCM_CHANNELS
from ghostpose.types import Maps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ghostpose.types import FloatArray, MapsCodec

MAX_MAP_CELLS: Final = 131_072
"""Cells of the largest map, h * w: those of a 3840 x 2160 input, and 30 MB once decoded."""

ZERO_BELOW: Final = np.float32(0.02)
"""The compact codec drops smaller magnitudes: no threshold of grouping lies that low."""

MAX_OFFSET_CELLS: Final = 16.0
MAX_SCALE: Final = 1e6
"""No map's step is larger; a network's values are around 1."""

_MARK: Final = b"GP"
_MAJOR: Final = 1
_HEADER: Final = struct.Struct("<2sBBHHf")
_FLOAT16: Final = 0
_COMPACT: Final = 1

_CHANNELS: Final = PCM_CHANNELS + PAF_CHANNELS
_SENT: Final = _CHANNELS - 1
_SCALES_BYTES: Final = 4 * _SENT
_STEPS: Final = np.float32(127)
_SMALLEST_HALF: Final = np.float32(2**-14)
_LARGEST_HALF: Final = np.float32(65504)


class _Header(NamedTuple):
    codec: int
    height: int
    width: int
    paf_offset_cells: float

    @property
    def cells(self) -> int:
        return self.height * self.width


def encode_maps(maps: Maps, codec: MapsCodec = "compact") -> bytes:
    """Encode the maps of one picture.

    Raises:
        InvalidValueError: a value isn't finite, or there are more cells than `MAX_MAP_CELLS`.
    """
    _, h, w = maps.pcm_chw.shape
    if not 1 <= h * w <= MAX_MAP_CELLS:
        raise InvalidValueError(f"maps of {h} x {w} cells: wanted 1 to {MAX_MAP_CELLS} cells")
    if not abs(maps.paf_offset_cells) <= MAX_OFFSET_CELLS:
        raise InvalidValueError(
            f"maps: paf_offset_cells {maps.paf_offset_cells} is not within {MAX_OFFSET_CELLS}"
        )
    number = _COMPACT if codec == "compact" else _FLOAT16
    header = _HEADER.pack(_MARK, _MAJOR, number, h, w, maps.paf_offset_cells)
    return header + (_encode_compact(maps) if codec == "compact" else _encode_float16(maps))


def decode_maps(data: bytes) -> Maps:
    """Decode what `encode_maps` made; the bytes say which codec it was.

    The background channel of compact maps is zeros: nothing reads it.

    Raises:
        ProtocolVersionError: another major version made them.
        DecodeError: the bytes are no maps, or too large.
    """
    header = _decode_header(data)
    decode = _decode_compact if header.codec == _COMPACT else _decode_float16
    maps_chw = decode(data, header)
    return Maps(maps_chw[:PCM_CHANNELS], maps_chw[PCM_CHANNELS:], header.paf_offset_cells)


def _decode_header(data: bytes) -> _Header:
    if len(data) < _HEADER.size or data[:2] != _MARK:
        raise DecodeError("maps: the bytes don't begin as maps do", data)
    _, major, codec, height, width, offset = _HEADER.unpack_from(data)
    if major != _MAJOR:
        raise ProtocolVersionError(
            f"maps: version {major} came, this program reads version {_MAJOR}", data
        )
    if codec not in (_FLOAT16, _COMPACT):
        raise DecodeError(f"maps: codec {codec} is unknown", data)
    if not 1 <= height * width <= MAX_MAP_CELLS:
        raise DecodeError(f"maps: {height} x {width} cells, at most {MAX_MAP_CELLS}", data)
    if not abs(offset) <= MAX_OFFSET_CELLS:
        raise DecodeError(f"maps: paf_offset_cells {offset} is not within {MAX_OFFSET_CELLS}", data)
    return _Header(codec, height, width, offset)


def _encode_float16(maps: Maps) -> bytes:
    return _half(maps.pcm_chw).tobytes() + _half(maps.paf_chw).tobytes()


def _half(values_chw: FloatArray) -> NDArray[np.float16]:
    magnitude_chw = np.abs(values_chw)
    if not magnitude_chw.max() <= _LARGEST_HALF:
        raise InvalidValueError(f"maps: a value isn't within {_LARGEST_HALF} or isn't finite")
    # numpy converts numbers too small for a normal half ten times slower; nothing needs them.
    return (values_chw * (magnitude_chw >= _SMALLEST_HALF)).astype("<f2")


def _decode_float16(data: bytes, header: _Header) -> FloatArray:
    wanted = _HEADER.size + 2 * _CHANNELS * header.cells
    if len(data) != wanted:
        raise DecodeError(f"maps: {len(data)} bytes came, {wanted} were declared", data)
    halves = np.frombuffer(data, "<u2", offset=_HEADER.size)
    values = np.take(_half_table(), halves)
    if not np.isfinite(values).all():
        raise DecodeError("maps: a value isn't finite", data)
    return values.reshape(_CHANNELS, header.height, header.width)


@cache
def _half_table() -> FloatArray:
    """Every half as float32: looking them up takes half of the time of converting them."""
    return np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)


def _encode_compact(maps: Maps) -> bytes:
    pcm_q, pcm_scale = _quantise(maps.pcm_chw[:BACKGROUND_CHANNEL])
    paf_q, paf_scale = _quantise(maps.paf_chw)
    block = lz4.block.compress(pcm_q.tobytes() + paf_q.tobytes(), store_size=False)
    return pcm_scale.tobytes() + paf_scale.tobytes() + bytes(block)


def _quantise(values_chw: FloatArray) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return int8 steps (c, h, w) and the size of a step (c,), so that value = step * size."""
    magnitude_chw = np.abs(values_chw)
    largest_c = magnitude_chw.reshape(len(values_chw), -1).max(axis=1)
    if not largest_c.max() <= MAX_SCALE:
        raise InvalidValueError(f"maps: a value isn't within {MAX_SCALE:g} or isn't finite")
    scale_c = np.where(largest_c >= ZERO_BELOW, largest_c, 1).astype(np.float32) / _STEPS
    steps_chw = values_chw * (1 / scale_c)[:, None, None]
    quantised_chw = np.rint(steps_chw, out=steps_chw).astype(np.int8)
    quantised_chw *= (magnitude_chw >= ZERO_BELOW).view(np.int8)
    return quantised_chw, scale_c.astype("<f4")


def _decode_compact(data: bytes, header: _Header) -> FloatArray:
    steps_chw = _inflate(data, header)
    scale_c = np.frombuffer(data, "<f4", _SENT, offset=_HEADER.size)
    if not (np.isfinite(scale_c).all() and scale_c.min() >= 0 and scale_c.max() <= MAX_SCALE):
        raise DecodeError("maps: a scale isn't a number from 0 to a million", data)
    scale_c11 = scale_c[:, None, None]
    values_chw = np.empty((_CHANNELS, header.height, header.width), np.float32)
    sent_pcm = BACKGROUND_CHANNEL
    np.multiply(steps_chw[:sent_pcm], scale_c11[:sent_pcm], out=values_chw[:sent_pcm])
    values_chw[BACKGROUND_CHANNEL] = 0
    np.multiply(steps_chw[sent_pcm:], scale_c11[sent_pcm:], out=values_chw[PCM_CHANNELS:])
    return values_chw


def _inflate(data: bytes, header: _Header) -> NDArray[np.int8]:
    """Return the lz4 block's int8 (56, h, w); lz4 never writes beyond the size it is given."""
    start = _HEADER.size + _SCALES_BYTES
    wanted = _SENT * header.cells
    # An lz4 block is at most this much larger than what went in: more is no block of ours.
    if not start < len(data) <= start + wanted + wanted // 255 + 16:
        raise DecodeError(f"maps: {len(data)} bytes can't hold {header.cells} cells", data)
    try:
        block = lz4.block.decompress(memoryview(data)[start:], uncompressed_size=wanted)
    except (lz4.block.LZ4BlockError, ValueError) as cause:
        raise DecodeError(f"maps: damaged lz4 block ({cause})", data) from cause
    if len(block) != wanted:
        raise DecodeError(f"maps: {len(block)} bytes came out of {wanted} declared", data)
    return np.frombuffer(block, np.int8).reshape(_SENT, header.height, header.width)
