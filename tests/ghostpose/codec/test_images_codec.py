"""Pictures survive the wire, and their true size is checked before they are decoded."""

from __future__ import annotations

import numpy as np
import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostpose.codec.images import decode_picture, encode_picture, jpeg_size
from ghostpose.errors import DecodeError, InvalidValueError
from ghostpose.types import EncodedPicture


def gradient(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows % 256, columns % 256, (rows + columns) % 256], axis=-1).astype(np.uint8)


@given(st.integers(1, 40), st.integers(1, 40))
def test_a_raw_picture_comes_back_exactly(height: int, width: int) -> None:
    image = gradient(height, width)
    assert (decode_picture(encode_picture(image, "raw")) == image).all()


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40))
def test_a_jpeg_comes_back_nearly(height: int, width: int) -> None:
    image = gradient(height, width)
    sent = encode_picture(image, "jpeg", 95)
    assert jpeg_size(sent.data) == (width, height)
    off = np.abs(decode_picture(sent).astype(int) - image)
    assert off.mean() < 8


def test_a_picture_cut_out_of_a_larger_one_is_sent_whole() -> None:
    image = gradient(40, 60)[5:25:2, 10:50]
    assert (decode_picture(encode_picture(image, "raw")) == image).all()
    assert decode_picture(encode_picture(image)).shape == (10, 40, 3)


def test_lower_quality_is_smaller() -> None:
    image = gradient(200, 200)
    assert len(encode_picture(image, "jpeg", 30).data) < len(encode_picture(image, "jpeg", 95).data)


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_what_is_no_bgr_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(InvalidValueError, match="wanted uint8"):
        encode_picture(image)


def test_a_size_that_is_not_the_jpegs_own_is_refused() -> None:
    data = encode_picture(gradient(10, 20)).data
    with pytest.raises(DecodeError, match="header says 20 x 10"):
        decode_picture(EncodedPicture("jpeg", 16_000, 2_000, data))


@pytest.mark.parametrize(
    "hidden", [b"\x01", b"\x00", b"\xd0", b"\xd8", b"\xfe\x00\x01"], ids=bytes.hex
)
def test_a_jpeg_that_might_hide_its_size_from_us_is_refused(hidden: bytes) -> None:
    """What libjpeg passes over, but has the form of a segment, could hold another frame header."""
    data = encode_picture(gradient(10, 20)).data
    with pytest.raises(DecodeError, match="without a frame header"):
        jpeg_size(data[:2] + b"\xff" + hidden + data[2:])


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(DecodeError, match="more than"):
        decode_picture(EncodedPicture("jpeg", 16_000, 16_000, b"\xff\xd8"))


def test_another_kind_of_picture_is_refused() -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(40)
    with pytest.raises(DecodeError, match="as a JPEG does"):
        decode_picture(EncodedPicture("jpeg", 4, 4, png))


@settings(deadline=None)
@given(st.data())
def test_damaged_jpegs_are_pictures_of_their_size_or_a_decode_error(data: st.DataObject) -> None:
    valid = encode_picture(gradient(12, 20)).data
    _decodes_or_refuses(data.draw(samples.damaged(valid)))


@given(st.binary(max_size=300).map(lambda tail: b"\xff\xd8" + tail))
def test_arbitrary_bytes_are_a_decode_error(data: bytes) -> None:
    _decodes_or_refuses(data)


def _decodes_or_refuses(data: bytes) -> None:
    try:
        image = decode_picture(EncodedPicture("jpeg", 20, 12, data))
    except DecodeError as error:
        assert error.raw == data[: DecodeError.RAW_KEPT]
    else:
        assert image.shape == (12, 20, 3)
