"""Step 1: local maxima of the confidence maps, at the network's own resolution.

Shape legend: c the 18 key points; h, w map rows and columns; n peaks of all key points;
2 = x, y in map cells (cell centres are integers); 3 = x, y, score.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.skeleton import NUM_KEYPOINTS, STRIDE
from postprocess.grouping.kernel import as_input, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ghostpose.types import FloatArray

_CURVATURE: Final = (STRIDE / 7.0) ** 2
"""Second difference of a PCM peak's logarithm between cells: targets are Gaussian, sigma 7 px."""

_SMALLEST: Final = np.float32(0.02)
"""Neighbours count as at least this: below it maps are noise, and the compact codec has zeros."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """Candidates for every key point.

    Key point c owns rows `first_c[c]` to `first_c[c + 1]` of `xy_n2` (cells) and `score_n` (0..1),
    in the order of the maps: top to bottom, left to right. `dropped` peaks were over the limit.
    """

    first_c: NDArray[np.int32]
    xy_n2: FloatArray
    score_n: FloatArray
    dropped: int = 0

    @property
    def keypoint_n(self) -> NDArray[np.int64]:
        """Which key point each peak is a candidate for."""
        return np.repeat(np.arange(NUM_KEYPOINTS), np.diff(self.first_c))


def find_peaks(pcm_chw: FloatArray, *, threshold: float, max_peaks: int) -> Peaks:
    """Return the maxima above `threshold` of each key point's map; `pcm_chw` is (>= 18, h, w).

    A flat top counts once, in its middle. Cells at the border count; numbers that aren't finite
    don't. A key point keeps its `max_peaks` strongest. Sub-cell positions come from the parabola
    through the logarithms of a maximum and its neighbours, which is exact for a Gaussian.
    """
    first_c, peak_n3 = _find(as_input(pcm_chw), NUM_KEYPOINTS, np.float32(threshold), _CURVATURE)
    kept = _strongest(first_c, peak_n3[:, 2], max_peaks)
    dropped = len(peak_n3) - len(kept)
    if dropped:
        peak_n3 = peak_n3[kept]
        first_c = np.searchsorted(kept, first_c).astype(np.int32)
    return Peaks(first_c, peak_n3[:, :2].copy(), peak_n3[:, 2].copy(), dropped)


def _strongest(
    first_c: NDArray[np.int32], score_n: FloatArray, max_peaks: int
) -> NDArray[np.int64] | range:
    """Return the numbers of each key point's `max_peaks` strongest peaks, ascending."""
    if len(score_n) <= max_peaks or np.diff(first_c).max() <= max_peaks:
        return range(len(score_n))
    kept = [
        np.sort(first + np.argsort(-score_n[first:end], kind="stable")[:max_peaks])
        for first, end in pairwise(first_c.tolist())
    ]
    return np.concatenate(kept)


@kernel
def _find(
    pcm_chw: FloatArray, channels: int, threshold: np.float32, curvature: float
) -> tuple[NDArray[np.int32], FloatArray]:
    first_c = np.zeros(channels + 1, np.int32)
    peak_n3 = np.empty((256, 3), np.float32)  # grows
    flat_hw = np.empty(pcm_chw.shape[1:], np.bool_)  # cells of flat tops that were looked at
    count = 0
    for c in range(channels):
        pcm_hw = pcm_chw[c]
        flat_hw[...] = False
        for i in range(pcm_hw.shape[0]):
            if not _any_above(pcm_hw[i], threshold):
                continue
            for j in range(pcm_hw.shape[1]):
                if not threshold < pcm_hw[i, j] < np.inf:
                    continue
                equal = _equal_neighbours(pcm_hw, i, j)
                if equal < 0 or flat_hw[i, j]:
                    continue
                is_peak, x, y = _top(pcm_hw, flat_hw, i, j, equal > 0, curvature)
                if not is_peak:
                    continue
                if count == len(peak_n3):
                    peak_n3 = np.concatenate((peak_n3, np.empty_like(peak_n3)))
                peak_n3[count, 0], peak_n3[count, 1] = x, y
                peak_n3[count, 2] = min(pcm_hw[i, j], np.float32(1))
                count += 1
        first_c[c + 1] = count
    return first_c, peak_n3[:count]


@kernel
def _any_above(value_w: FloatArray, threshold: np.float32) -> bool:
    """Most rows end here. No early exit, and 32 bits: so the compiler compares 8 cells at once."""
    above = np.int32(0)
    for j in range(len(value_w)):
        above = np.int32(above | np.int32(value_w[j] > threshold))
    return bool(above > np.int32(0))


@kernel
def _top(
    pcm_hw: FloatArray, flat_hw: NDArray[np.bool_], i: int, j: int, is_flat: bool, curvature: float
) -> tuple[bool, float, float]:
    """Return whether a cell with no larger neighbour is a maximum, and the top's x and y.

    Of a flat one it is the first cell that is asked about.
    """
    left, right, top, bottom = j, j, i, i
    if is_flat:
        left, right, top, bottom = _flat_top(pcm_hw, flat_hw, i, j)
    x, y = (left + right) / 2, (top + bottom) / 2
    before, after = np.float32(np.nan), np.float32(np.nan)
    if left == right:
        if j > 0:
            before = pcm_hw[i, j - 1]
        if j + 1 < pcm_hw.shape[1]:
            after = pcm_hw[i, j + 1]
        x += _shift(before, pcm_hw[i, j], after, curvature)
    before, after = np.float32(np.nan), np.float32(np.nan)
    if top == bottom:
        if i > 0:
            before = pcm_hw[i - 1, j]
        if i + 1 < pcm_hw.shape[0]:
            after = pcm_hw[i + 1, j]
        y += _shift(before, pcm_hw[i, j], after, curvature)
    return left <= right, x, y


@kernel
def _equal_neighbours(pcm_hw: FloatArray, i: int, j: int) -> int:
    """Return how many of the cell's up to 8 neighbours equal it, or -1 if one is larger."""
    rows, columns = pcm_hw.shape
    value, equal = pcm_hw[i, j], 0
    if j > 0 and pcm_hw[i, j - 1] > value:  # these two settle most cells
        return -1
    if j + 1 < columns and pcm_hw[i, j + 1] > value:
        return -1
    for y in range(max(i - 1, 0), min(i + 2, rows)):
        for x in range(max(j - 1, 0), min(j + 2, columns)):
            if pcm_hw[y, x] > value:
                return -1
            equal += pcm_hw[y, x] == value
    return equal - 1


@kernel
def _flat_top(
    pcm_hw: FloatArray, flat_hw: NDArray[np.bool_], i: int, j: int
) -> tuple[int, int, int, int]:
    """Return left, right, top, bottom of the cells that hang together with this one at its value.

    Marks them in `flat_hw`. Right < left if the land rises anywhere around: then it is no top.
    """
    value, is_top = pcm_hw[i, j], True
    left, right, top, bottom = j, j, i, i
    todo = [(i, j)]
    flat_hw[i, j] = True
    while len(todo) > 0:
        row, column = todo.pop()
        left, right = min(left, column), max(right, column)
        top, bottom = min(top, row), max(bottom, row)
        for y in range(max(row - 1, 0), min(row + 2, pcm_hw.shape[0])):
            for x in range(max(column - 1, 0), min(column + 2, pcm_hw.shape[1])):
                if pcm_hw[y, x] > value:
                    is_top = False
                elif pcm_hw[y, x] == value and not flat_hw[y, x]:
                    flat_hw[y, x] = True
                    todo.append((y, x))
    return left, right if is_top else left - 1, top, bottom


@kernel
def _shift(before: np.float32, value: np.float32, after: np.float32, curvature: float) -> float:
    """Return where, within half a cell, the parabola through three logarithms has its top.

    A neighbour that isn't there is NaN: its place is taken by the known curvature of a peak.
    """
    middle = np.log(value)
    fall_before = middle - np.log(max(before, _SMALLEST))
    fall_after = middle - np.log(max(after, _SMALLEST))
    if np.isnan(before):
        fall_before = curvature - fall_after
    if np.isnan(after):
        fall_after = curvature - fall_before
    bend = fall_before + fall_after
    if not bend > 0:
        return 0.0
    return float(min(max(0.5 * (fall_before - fall_after) / bend, -0.5), 0.5))
