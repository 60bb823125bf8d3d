"""Maps to bytes and back: float16, or the compact codec.

Both begin with one header (`_HEADER`: mark, major version, codec, h, w, `paf_offset_cells`).

float16: all 19 + 38 maps, row by row. Magnitudes under the smallest normal half (6.1e-5) become 0.

compact: of the 18 + 38 maps that something reads (no background) only what is not nearly zero: a
bit a cell that says where that is, then confidences as halves, then affinities as int8 of their
square roots, all in one lz4 block. A confidence is off by a 2,000th, which keeps flat peaks where
they are; an affinity by at most 1 % of the picture's largest.

Every size is checked before anything is allocated for it. Shapes: c channels, h rows, w columns;
n values that were kept.
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

PCM_ZERO_BELOW: Final = np.float32(0.02)
"""The compact codec drops smaller confidences: noise, of which peaks are half."""

PAF_ZERO_BELOW: Final = np.float32(0.005)
"""The compact codec drops smaller affinities. Grouping asks along limbs whether they are above
0.02; dropped at 0.0125, people in crowds were joined otherwise in one picture of a hundred."""

MAX_OFFSET_CELLS: Final = 16.0
MAX_VALUE: Final = 65_504.0
"""No map holds a larger magnitude: that of the largest half. A network's are around 1."""

_MARK: Final = b"GP"
_MAJOR: Final = 1
_HEADER: Final = struct.Struct("<2sBBHHf")
_FLOAT16: Final = 0
_COMPACT: Final = 1

_CHANNELS: Final = PCM_CHANNELS + PAF_CHANNELS
_COMPACT_HEADER: Final = struct.Struct("<fII")
"""Largest affinity, how many confidences and how many affinities were kept."""
_COMPACT_START: Final = _HEADER.size + _COMPACT_HEADER.size
_KEPT_PCM: Final = BACKGROUND_CHANNEL
_KEPT: Final = _KEPT_PCM + PAF_CHANNELS
_STEPS: Final = 127
_SMALLEST_HALF: Final = np.float32(2**-14)


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
    # numpy converts numbers too small for a normal half ten times slower; nothing needs them.
    return (values_chw * (_magnitude(values_chw) >= _SMALLEST_HALF)).astype("<f2")


def _magnitude(values_chw: FloatArray) -> FloatArray:
    magnitude_chw = np.abs(values_chw)
    if not magnitude_chw.max() <= MAX_VALUE:
        raise InvalidValueError(f"maps: a value isn't within {MAX_VALUE:g} or isn't finite")
    return magnitude_chw


def _decode_float16(data: bytes, header: _Header) -> FloatArray:
    wanted = _HEADER.size + 2 * _CHANNELS * header.cells
    if len(data) != wanted:
        raise DecodeError(f"maps: {len(data)} bytes came, {wanted} were declared", data)
    values = _from_halves(np.frombuffer(data, "<u2", offset=_HEADER.size), data)
    return values.reshape(_CHANNELS, header.height, header.width)


def _from_halves(halves: NDArray[np.uint16], data: bytes) -> FloatArray:
    values = np.take(_half_table(), halves)
    if not np.isfinite(values).all():
        raise DecodeError("maps: a value isn't finite", data)
    return values


@cache
def _half_table() -> FloatArray:
    """Every half as float32: looking them up takes half of the time of converting them."""
    return np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)


def _encode_compact(maps: Maps) -> bytes:
    pcm_chw, paf_chw = maps.pcm_chw[:_KEPT_PCM], maps.paf_chw
    kept_pcm = _magnitude(pcm_chw) >= PCM_ZERO_BELOW
    kept_paf = (magnitude_chw := _magnitude(paf_chw)) >= PAF_ZERO_BELOW
    pcm_n, paf_n = pcm_chw[kept_pcm].astype("<f2"), paf_chw[kept_paf]
    largest = float(magnitude_chw.max())
    root_n = np.copysign(np.sqrt(np.abs(paf_n) * (_STEPS**2 / max(largest, 1e-9))), paf_n)
    where = np.packbits(np.concatenate([kept_pcm.ravel(), kept_paf.ravel()]))
    kept = where.tobytes() + pcm_n.tobytes() + np.rint(root_n).astype(np.int8).tobytes()
    block = lz4.block.compress(kept, store_size=False)
    return _COMPACT_HEADER.pack(largest, len(pcm_n), len(paf_n)) + bytes(block)


def _decode_compact(data: bytes, header: _Header) -> FloatArray:
    if len(data) < _COMPACT_START:
        raise DecodeError("maps: the bytes end within the header", data)
    largest, pcm_count, paf_count = _COMPACT_HEADER.unpack_from(data, _HEADER.size)
    pcm_cells, cells = _KEPT_PCM * header.cells, _KEPT * header.cells
    if not 0 <= largest <= MAX_VALUE or pcm_count > pcm_cells or paf_count > cells - pcm_cells:
        raise DecodeError("maps: more values than cells, or larger than any map holds", data)
    where_size = -(-cells // 8)
    block = _inflate(data, where_size + 2 * pcm_count + paf_count)
    where = np.unpackbits(np.frombuffer(block, np.uint8, where_size), count=cells).view(np.bool_)
    if (np.count_nonzero(where[:pcm_cells]), np.count_nonzero(where[pcm_cells:])) != (
        pcm_count,
        paf_count,
    ):
        raise DecodeError("maps: not as many values as places for them", data)
    values = np.zeros(_CHANNELS * header.cells, np.float32)
    pcm_n = np.frombuffer(block, "<u2", pcm_count, offset=where_size)
    values[:pcm_cells][where[:pcm_cells]] = _from_halves(pcm_n, data)
    root_n = np.frombuffer(block, np.int8, paf_count, where_size + 2 * pcm_count).astype(np.float32)
    root_n *= np.abs(root_n) * np.float32(largest / _STEPS**2)
    values[PCM_CHANNELS * header.cells :][where[pcm_cells:]] = root_n
    return values.reshape(_CHANNELS, header.height, header.width)


def _inflate(data: bytes, wanted: int) -> bytes:
    """Return the lz4 block's `wanted` bytes; lz4 never writes beyond the size it is given."""
    # A block is at most this much larger than what went in: more is no block of ours.
    if not _COMPACT_START < len(data) <= _COMPACT_START + wanted + wanted // 255 + 16:
        raise DecodeError(f"maps: {len(data)} bytes can't hold {wanted} bytes", data)
    try:
        compressed = memoryview(data)[_COMPACT_START:]
        block = bytes(lz4.block.decompress(compressed, uncompressed_size=wanted))
    except (lz4.block.LZ4BlockError, ValueError) as cause:
        raise DecodeError(f"maps: damaged lz4 block ({cause})", data) from cause
    if len(block) != wanted:
        raise DecodeError(f"maps: {len(block)} bytes came out of {wanted} declared", data)
    return block
