"""Previews to bytes and back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostpose.codec.messages import pack_fields, unpack_fields
from ghostpose.codec.preview import (
    MAX_JPEG_BYTES,
    MAX_PREVIEW_BYTES,
    decode_preview,
    encode_preview,
)
from ghostpose.errors import DecodeError, InvalidValueError, ProtocolVersionError
from ghostpose.types import Placement

PREVIEW = samples.preview()
JPEG = PREVIEW.jpeg


def fields() -> dict[str, object]:
    names = ("camera", "session", "seq", "captured_at", "media_time", "source", "placement",
             "privacy", "size", "jpeg")  # fmt: skip
    decoded = unpack_fields("preview", encode_preview(PREVIEW), MAX_PREVIEW_BYTES)
    return {name: decoded.any(name) for name in names}


def test_a_preview_comes_back_as_it_was() -> None:
    assert decode_preview(encode_preview(PREVIEW)) == PREVIEW


@settings(deadline=None)
@given(
    st.integers(0, 2**53 - 1),
    st.floats(0, 1e10),
    st.sampled_from(["none", "blur_faces", "blur_bodies", "skeleton"]),
    st.floats(0.01, 1e4),
)
def test_every_preview_comes_back_exactly(seq, media_time, privacy, scale) -> None:
    placement = Placement(scale, scale / 2, -scale, scale)
    preview = replace(PREVIEW, seq=seq, media_time=media_time, privacy=privacy, placement=placement)
    assert decode_preview(encode_preview(preview)) == preview


@settings(deadline=None)
@given(samples.damaged(encode_preview(PREVIEW)))
def test_damaged_bytes_are_a_preview_or_a_decode_error(data: bytes) -> None:
    try:
        came = decode_preview(data)
    except DecodeError as error:
        assert len(error.raw) <= DecodeError.RAW_KEPT
    else:
        assert (came.width, came.height) == (32, 24)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_other_bytes_are_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_preview(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("camera", "../etc"),
        ("session", -1),
        ("seq", 2**60),
        ("captured_at", "now"),
        ("media_time", float("nan")),
        ("source", [0, 576]),
        ("placement", [0, 1, 0, 0]),
        ("placement", [1, 1]),
        ("privacy", "some"),
        ("size", [32, 25]),
        ("size", [32]),
        ("jpeg", "text"),
        ("jpeg", b""),
        ("jpeg", b"no JPEG at all"),
        ("jpeg", JPEG[:30]),
        ("jpeg", JPEG.ljust(MAX_JPEG_BYTES + 1, b"\0")),
    ],
)
def test_a_field_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(DecodeError, match="preview"):
        decode_preview(pack_fields(fields() | {name: value}))


@pytest.mark.parametrize("name", list(fields()))
def test_a_missing_field_is_refused(name: str) -> None:
    left = {other: value for other, value in fields().items() if other != name}
    with pytest.raises(DecodeError, match=name):
        decode_preview(pack_fields(left))


def test_a_field_that_a_newer_version_adds_is_passed_over() -> None:
    assert decode_preview(pack_fields(fields() | {"new": 1})) == PREVIEW


def test_another_major_version_is_refused() -> None:
    with pytest.raises(ProtocolVersionError, match=r"protocol version 2\.0"):
        decode_preview(pack_fields(fields() | {"v": [2, 0]}))


def test_a_picture_over_the_cap_is_no_preview() -> None:
    with pytest.raises(InvalidValueError, match="at most"):
        replace(PREVIEW, jpeg=bytes(MAX_JPEG_BYTES + 1))
