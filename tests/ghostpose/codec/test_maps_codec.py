"""Maps survive both codecs as closely as promised, and damaged bytes are refused."""

from __future__ import annotations

import struct
import tracemalloc

import lz4.block
import numpy as np
import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.codec.maps import MAX_MAP_CELLS, decode_maps, encode_maps
from ghostpose.errors import DecodeError, InvalidValueError, ProtocolVersionError
from ghostpose.skeleton import BACKGROUND_CHANNEL, PAF_CHANNELS, PCM_CHANNELS
from ghostpose.types import Maps


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000))
def test_float16_keeps_every_map_to_a_thousandth(height: int, width: int, seed: int) -> None:
    sent = samples.maps(height, width, seed)
    came = decode_maps(encode_maps(sent, "float16"))
    np.testing.assert_allclose(came.pcm_chw, sent.pcm_chw, rtol=1e-3, atol=7e-5)
    np.testing.assert_allclose(came.paf_chw, sent.paf_chw, rtol=1e-3, atol=7e-5)
    assert came.paf_offset_cells == sent.paf_offset_cells


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000))
def test_compact_is_as_close_as_promised_or_drops_what_is_tiny(
    height: int, width: int, seed: int
) -> None:
    sent = samples.maps(height, width, seed)
    came = decode_maps(encode_maps(sent, "compact"))
    largest = np.abs(sent.paf_chw).max()
    for before_chw, after_chw, zero_below, bound in (
        (sent.pcm_chw[:18], came.pcm_chw[:18], 0.02, np.abs(sent.pcm_chw[:18]) / 2000),
        (sent.paf_chw, came.paf_chw, 0.005, largest / 100),
    ):
        kept = np.abs(before_chw) >= zero_below
        assert (np.abs(before_chw - after_chw) <= bound)[kept].all()
        assert (after_chw[~kept] == 0).all()
    assert came.paf_offset_cells == sent.paf_offset_cells


def test_background_of_compact_maps_is_zeros() -> None:
    came = decode_maps(encode_maps(samples.maps(4, 6), "compact"))
    assert came.pcm_chw.shape == (PCM_CHANNELS, 4, 6)
    assert not came.pcm_chw[BACKGROUND_CHANNEL].any()


def test_maps_that_are_all_zero_survive() -> None:
    zeros = Maps(np.zeros((PCM_CHANNELS, 3, 5), np.float32), np.zeros((38, 3, 5), np.float32))
    for codec in ("compact", "float16"):
        assert not decode_maps(encode_maps(zeros, codec)).paf_chw.any()


def test_maps_of_a_network_that_lie_transposed_in_memory_survive() -> None:
    dense = samples.maps(6, 9)
    strided = Maps(
        np.asfortranarray(dense.pcm_chw), np.asfortranarray(dense.paf_chw), dense.paf_offset_cells
    )
    for codec in ("compact", "float16"):
        assert encode_maps(strided, codec) == encode_maps(dense, codec)


def test_compact_maps_of_an_ordinary_picture_are_small() -> None:
    sent = samples.maps(46, 82)
    assert len(encode_maps(sent, "float16")) == 12 + 2 * 57 * 46 * 82
    assert len(encode_maps(sent, "compact")) < 40_000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("codec", ["compact", "float16"])
def test_values_that_no_codec_can_carry_are_refused(value: float, codec: str) -> None:
    sent = samples.maps(2, 2)
    sent.paf_chw[5, 1, 1] = value
    with pytest.raises(InvalidValueError, match="isn't"):
        encode_maps(sent, codec)


def test_too_many_cells_are_refused_when_sending() -> None:
    side = 512
    zeros = np.zeros((1, 1, 1), np.float32)
    too_large = Maps(
        np.broadcast_to(zeros, (PCM_CHANNELS, side, side)),
        np.broadcast_to(zeros, (PAF_CHANNELS, side, side)),
    )
    with pytest.raises(InvalidValueError, match="cells"):
        encode_maps(too_large)


def compact(height: int, width: int, counts: tuple[int, int], kept: bytes) -> bytes:
    """Return compact maps that declare these sizes and hold these bytes."""
    header = encode_maps(samples.maps(2, 2))[:12]
    data = bytearray(header + struct.pack("<fII", 1.0, *counts))
    struct.pack_into("<HH", data, 4, height, width)
    return bytes(data) + lz4.block.compress(kept, store_size=False)


@pytest.mark.parametrize(
    "bomb",
    [
        compact(65535, 65535, (0, 0), bytes(2**24)),
        compact(1, 16, (0, 0), bytes(2**24)),
        compact(1, 16, (2**32 - 1, 0), bytes(2**24)),
        compact(1, 16, (0, 2**32 - 1), bytes(2**24)),
        compact(512, 256, (18 * 2**17, 38 * 2**17), bytes(100)),
    ],
    ids=["cells", "block", "confidences", "affinities", "short block"],
)
def test_sizes_are_checked_before_memory_is_taken(bomb: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(DecodeError):
        decode_maps(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 2**20


def test_the_largest_maps_still_decode() -> None:
    height = 256
    width = MAX_MAP_CELLS // height
    data = compact(height, width, (0, 0), bytes(56 * MAX_MAP_CELLS // 8))
    assert decode_maps(data).input_size_px == (2048, 4096)


def test_places_and_values_that_differ_in_number_are_refused() -> None:
    one_place = bytes([0b10000000] + [0] * 13)
    assert decode_maps(compact(1, 2, (1, 0), one_place + b"\x00\x3c")).pcm_chw[0, 0, 0] == 1
    with pytest.raises(DecodeError, match="as many values as places"):
        decode_maps(compact(1, 2, (0, 1), one_place + b"\x01"))


def test_another_major_version_is_refused_by_name() -> None:
    data = bytearray(encode_maps(samples.maps()))
    data[2] = 2
    with pytest.raises(ProtocolVersionError, match="version 2"):
        decode_maps(bytes(data))


@given(st.binary(max_size=600))
def test_arbitrary_bytes_are_maps_or_a_decode_error(data: bytes) -> None:
    _decodes_or_refuses(data)


@given(st.data(), st.sampled_from(["compact", "float16"]))
def test_damaged_maps_are_maps_or_a_decode_error(data: st.DataObject, codec: str) -> None:
    _decodes_or_refuses(data.draw(samples.damaged(encode_maps(samples.maps(2, 3), codec))))


def _decodes_or_refuses(data: bytes) -> None:
    try:
        came = decode_maps(data)
    except DecodeError as error:
        assert error.raw == data[: DecodeError.RAW_KEPT]
    else:
        assert np.isfinite(came.pcm_chw).all()
        assert np.isfinite(came.paf_chw).all()
