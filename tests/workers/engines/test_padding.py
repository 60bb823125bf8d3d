from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostpose.errors import InvalidValueError
from workers.engines.padding import FILL, common_size, filled_up, pad_to_stride


@settings(deadline=None)  # a busy machine is no failure
@given(height=st.integers(1, 40), width=st.integers(1, 40))
def test_padding_goes_to_the_right_and_below_in_the_grey_that_means_nothing(
    height: int, width: int
) -> None:
    image = np.full((height, width, 3), 7, np.uint8)
    padded = pad_to_stride(image)
    assert padded.shape[0] % 8 == 0
    assert padded.shape[1] % 8 == 0
    assert padded.shape[0] - height < 8
    assert padded.shape[1] - width < 8
    assert np.array_equal(padded[:height, :width], image)
    assert np.all(padded[height:] == FILL)
    assert np.all(padded[:, width:] == FILL)


def test_a_picture_that_fits_is_not_copied() -> None:
    image = np.zeros((16, 24, 3), np.uint8)
    assert pad_to_stride(image) is image


def test_a_batch_is_filled_up_to_a_power_of_two() -> None:
    assert [filled_up(count) for count in range(1, 10)] == [1, 2, 4, 4, 8, 8, 8, 8, 16]


def test_common_size_is_height_and_width() -> None:
    assert common_size([np.zeros((16, 24, 3), np.uint8)] * 2) == (16, 24)


@pytest.mark.parametrize(
    "images",
    [
        pytest.param([np.zeros((16, 24, 3), np.uint8), np.zeros((24, 16, 3), np.uint8)], id="two"),
        pytest.param([np.zeros((16, 20, 3), np.uint8)], id="no multiple of 8"),
        pytest.param([np.zeros((0, 16, 3), np.uint8)], id="empty"),
        pytest.param([np.zeros((16, 24), np.uint8)], id="grey"),
        pytest.param([np.zeros((16, 24, 3), np.float32)], id="float"),
    ],
)
def test_pictures_that_no_engine_takes_are_refused(images: list[np.ndarray]) -> None:
    with pytest.raises(InvalidValueError, match="wanted"):
        common_size(images)
