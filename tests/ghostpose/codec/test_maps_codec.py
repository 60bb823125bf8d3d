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

SCALES_END = 12 + 4 * 56


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000))
def test_float16_keeps_every_map_to_a_thousandth(height: int, width: int, seed: int) -> None:
    sent = samples.maps(height, width, seed)
    came = decode_maps(encode_maps(sent, "float16"))
    np.testing.assert_allclose(came.pcm_chw, sent.pcm_chw, rtol=1e-3, atol=7e-5)
    np.testing.assert_allclose(came.paf_chw, sent.paf_chw, rtol=1e-3, atol=7e-5)
    assert came.paf_offset_cells == sent.paf_offset_cells


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000))
def test_compact_is_off_by_half_a_step_or_drops_what_is_tiny(
    height: int, width: int, seed: int
) -> None:
    sent = samples.maps(height, width, seed)
    came = decode_maps(encode_maps(sent, "compact"))
    pairs = [(sent.paf_chw, came.paf_chw), (sent.pcm_chw[:18], came.pcm_chw[:18])]
    for before_chw, after_chw in pairs:
        step = np.abs(before_chw).max(axis=(1, 2), keepdims=True) / 127
        kept = np.abs(before_chw) >= 0.02
        assert (np.abs(before_chw - after_chw) <= step * 0.501)[kept].all()
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


def test_sizes_are_checked_before_memory_is_taken() -> None:
    bomb = bytearray(encode_maps(samples.maps(2, 2)))
    block = lz4.block.compress(bytes(2**24), store_size=False)
    bomb[SCALES_END:] = block
    struct.pack_into("<HH", bomb, 4, 65535, 65535)
    tracemalloc.start()
    with pytest.raises(DecodeError):
        decode_maps(bytes(bomb))
    struct.pack_into("<HH", bomb, 4, 1, 16)
    with pytest.raises(DecodeError):
        decode_maps(bytes(bomb))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_the_largest_maps_still_decode() -> None:
    height = 256
    assert height * (MAX_MAP_CELLS // height) == MAX_MAP_CELLS
    data = bytearray(encode_maps(samples.maps(1, 1)))
    data[SCALES_END:] = lz4.block.compress(bytes(56 * MAX_MAP_CELLS), store_size=False)
    struct.pack_into("<HH", data, 4, height, MAX_MAP_CELLS // height)
    assert decode_maps(bytes(data)).input_size_px == (2048, 4096)


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
