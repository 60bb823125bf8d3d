"""Step 1: maxima of confidence maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.network.targets import pcm_targets
from ghostpose.skeleton import PCM_CHANNELS
from postprocess.grouping.peaks import Peaks, find_peaks


def peaks_of(pcm_hw: np.ndarray, channel: int = 0, max_peaks: int = 100) -> Peaks:
    pcm_chw = np.zeros((PCM_CHANNELS, *np.shape(pcm_hw)), np.float32)
    pcm_chw[channel] = pcm_hw
    return find_peaks(pcm_chw, threshold=0.1, max_peaks=max_peaks)


def blob(x: float, y: float, height: int = 12, width: int = 16) -> np.ndarray:
    """Return a Gaussian (sigma 7 px = 7 / 8 cells) at a place in cells."""
    rows, columns = np.mgrid[:height, :width]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * (7 / 8) ** 2))


@pytest.mark.parametrize(
    ("cells", "middle"),
    [
        ([(4, 5), (4, 6)], (5.5, 4)),
        ([(4, 5), (5, 5)], (5, 4.5)),
        ([(4, 5), (5, 6)], (5.5, 4.5)),
        ([(4, 6), (5, 5)], (5.5, 4.5)),
        ([(4, 5), (4, 6), (5, 5), (5, 6)], (5.5, 4.5)),
        ([(4, 5), (4, 7), (5, 6)], (6, 4.5)),
    ],
    ids=["in a row", "in a column", "diagonal", "other diagonal", "square", "two arms of a U"],
)
def test_equal_neighbouring_maxima_are_one_peak_in_their_middle(
    cells: list[tuple[int, int]], middle: tuple[float, float]
) -> None:
    pcm_hw = np.zeros((10, 12), np.float32)
    for cell in cells:
        pcm_hw[cell] = 0.8
    peaks = peaks_of(pcm_hw)
    assert len(peaks.score_n) == 1
    np.testing.assert_allclose(peaks.xy_n2[0], middle, atol=1e-6)
    assert peaks.score_n[0] == pytest.approx(0.8)


def test_a_flat_shoulder_of_a_higher_peak_is_no_peak() -> None:
    pcm_hw = np.zeros((6, 9), np.float32)
    pcm_hw[3, 2:6] = 0.5
    pcm_hw[3, 6] = 0.9
    peaks = peaks_of(pcm_hw)
    assert peaks.score_n.tolist() == pytest.approx([0.9])


def test_two_equal_maxima_apart_are_two_peaks() -> None:
    pcm_hw = np.zeros((6, 9), np.float32)
    pcm_hw[3, 2] = pcm_hw[3, 4] = 0.5
    assert len(peaks_of(pcm_hw).score_n) == 2


def test_a_map_of_one_value_is_one_peak() -> None:
    peaks = peaks_of(np.full((5, 7), 0.6))
    np.testing.assert_allclose(peaks.xy_n2, [(3, 2)])


@pytest.mark.parametrize("row", [0, 5, 11])
@pytest.mark.parametrize("column", [0, 8, 15])
def test_a_peak_at_the_border_is_kept(row: int, column: int) -> None:
    peaks = peaks_of(blob(column, row))
    np.testing.assert_allclose(peaks.xy_n2, [(column, row)], atol=1e-3)


def test_a_point_between_the_border_and_the_first_cell_is_found_there() -> None:
    peaks = peaks_of(blob(-0.3, 11.2))
    np.testing.assert_allclose(peaks.xy_n2, [(-0.3, 11.2)], atol=1e-3)


@given(x=st.floats(1, 14), y=st.floats(1, 10))
def test_the_position_of_a_gaussian_is_exact(x: float, y: float) -> None:
    peaks = peaks_of(blob(x, y))
    np.testing.assert_allclose(peaks.xy_n2, [(x, y)], atol=2e-3)


def test_positions_agree_with_the_targets_pixels() -> None:
    person = np.zeros((1, 18, 3), np.float32)
    person[0, 7] = 61.3, 40.9, 1
    peaks = find_peaks(pcm_targets(person, 96, 128), threshold=0.1, max_peaks=10)
    assert peaks.keypoint_n.tolist() == [7]
    np.testing.assert_allclose(peaks.xy_n2[0] * 8 + 3.5, (61.3, 40.9), atol=0.02)


def test_peaks_are_listed_by_key_point_then_from_top_to_bottom() -> None:
    pcm_chw = np.zeros((PCM_CHANNELS, 9, 9), np.float32)
    pcm_chw[2, 6, 1] = pcm_chw[2, 2, 4] = pcm_chw[17, 4, 4] = 0.7
    pcm_chw[18] = 1  # the background is no key point
    peaks = find_peaks(pcm_chw, threshold=0.1, max_peaks=10)
    assert peaks.keypoint_n.tolist() == [2, 2, 17]
    np.testing.assert_allclose(peaks.xy_n2, [(4, 2), (1, 6), (4, 4)])
    assert peaks.first_c.tolist() == [0, 0, 0, *[2] * 15, 3]


def test_the_strongest_are_kept_and_the_others_counted() -> None:
    pcm_hw = np.zeros((3, 40), np.float32)
    pcm_hw[1, 1::4] = (0.5, 0.9, 0.2, 0.8, 0.3, 0.7, 0.9, 0.4, 0.6, 0.15)
    peaks = peaks_of(pcm_hw, max_peaks=4)
    np.testing.assert_allclose(peaks.score_n, (0.9, 0.8, 0.7, 0.9))
    assert peaks.dropped == 6


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_no_peaks_and_hide_none(bad: float) -> None:
    pcm_hw = np.zeros((8, 8), np.float32)
    pcm_hw[1, 1] = bad
    pcm_hw[5, 5] = 0.7
    pcm_hw[7, 0] = 3e38
    peaks = peaks_of(pcm_hw)
    np.testing.assert_allclose(peaks.xy_n2, [(5, 5), (0, 7)], atol=0.5)
    np.testing.assert_allclose(peaks.score_n, (0.7, 1.0))


def test_nan_beside_a_peak_does_not_move_it_off_the_map() -> None:
    pcm_hw = blob(5.2, 4.4).astype(np.float32)
    pcm_hw[4, 6] = np.nan
    np.testing.assert_allclose(peaks_of(pcm_hw).xy_n2, [(5.2, 4.4)], atol=0.01)
