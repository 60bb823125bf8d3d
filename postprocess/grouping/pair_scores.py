"""Step 2: how much the affinity fields speak for each pair of candidates being a limb.

Shape legend: c the 18 key points; l the 19 limbs; n peaks; m pairs; h, w map rows and columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.skeleton import LIMBS
from postprocess.grouping.kernel import as_input, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ghostpose.types import FloatArray
    from postprocess.grouping.options import GroupingOptions
    from postprocess.grouping.peaks import Peaks

_LIMBS: Final = np.array(LIMBS, np.int32)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of peaks that may be limbs.

    Limb l owns rows `first_l[l]` to `first_l[l + 1]`; `start_m` and `end_m` number peaks;
    `affinity_m` is the mean of the field along the limb, 0..1; `weight_m` what matching maximises.
    """

    first_l: NDArray[np.int32]
    start_m: NDArray[np.int32]
    end_m: NDArray[np.int32]
    affinity_m: FloatArray
    weight_m: FloatArray


def score_pairs(
    peaks: Peaks, paf_chw: FloatArray, options: GroupingOptions, *, offset_cells: float = 0.0
) -> Pairs:
    """Return the pairs that enough samples of the field agree with; `paf_chw` is (38, h, w).

    The affinity is the mean over evenly spaced samples of the field's component along the limb
    (the line integral of Cao et al. 2017, formulas 10 and 11), each read between cells at the
    place plus `offset_cells`, less a penalty for limbs long for the picture. A limb shorter than
    any direction takes the field's magnitude. The weight is affinity x both peaks' scores, so that
    a weak candidate can't take a limb from a strong one.
    """
    first_l, start_m, end_m, affinity_m, weight_m = _score(
        peaks.first_c,
        peaks.xy_n2,
        peaks.score_n,
        as_input(paf_chw),
        _LIMBS,
        offset_cells,
        options.limb_samples,
        options.sample_threshold,
        options.min_agreement,
        options.free_length * paf_chw.shape[1],
    )
    return Pairs(first_l, start_m, end_m, affinity_m, weight_m)


@kernel
def _score(
    first_c: NDArray[np.int32],
    xy_n2: FloatArray,
    score_n: FloatArray,
    paf_chw: FloatArray,
    limbs: NDArray[np.int32],
    offset: float,
    samples: int,
    threshold: float,
    agreement: float,
    free_length: float,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], FloatArray, FloatArray]:
    first_l = np.zeros(len(limbs) + 1, np.int32)
    pair_m2 = np.empty((256, 2), np.int32)  # both grow
    score_m2 = np.empty((256, 2), np.float32)
    place_s = _from_the_middle(samples)
    misses_allowed = samples - int(np.ceil(agreement * samples - 1e-9))
    count = 0
    for limb in range(len(limbs)):
        start, end, paf_x, paf_y = limbs[limb]
        x_hw, y_hw = paf_chw[paf_x], paf_chw[paf_y]
        for a in range(first_c[start], first_c[start + 1]):
            for b in range(first_c[end], first_c[end + 1]):
                x, y = xy_n2[a, 0] + offset, xy_n2[a, 1] + offset
                dx, dy = xy_n2[b, 0] - xy_n2[a, 0], xy_n2[b, 1] - xy_n2[a, 1]
                affinity = _affinity(x_hw, y_hw, x, y, dx, dy, place_s, threshold, misses_allowed)
                affinity -= max(1 - free_length / max(np.hypot(dx, dy), 1e-3), 0.0)
                if not affinity > 0:
                    continue
                if count == len(pair_m2):
                    pair_m2 = np.concatenate((pair_m2, np.empty_like(pair_m2)))
                    score_m2 = np.concatenate((score_m2, np.empty_like(score_m2)))
                pair_m2[count, 0], pair_m2[count, 1] = a, b
                score_m2[count, 0] = affinity
                score_m2[count, 1] = affinity * score_n[a] * score_n[b]
                count += 1
        first_l[limb + 1] = count
    pair_2m, score_2m = pair_m2[:count].T.copy(), score_m2[:count].T.copy()
    return first_l, pair_2m[0], pair_2m[1], score_2m[0], score_2m[1]


@kernel
def _from_the_middle(samples: int) -> NDArray[np.float64]:
    """Return places 0..1 along a limb, the middle first: a wrong pair fails there soonest."""
    place_s = (np.arange(samples) + 0.5) / samples
    return place_s[np.argsort(np.abs(place_s - 0.5), kind="mergesort")]


@kernel
def _affinity(
    x_hw: FloatArray,
    y_hw: FloatArray,
    x: float,
    y: float,
    dx: float,
    dy: float,
    place_s: NDArray[np.float64],
    threshold: float,
    misses_allowed: int,
) -> float:
    """Return the mean of the field along dx, dy from x, y; 0 if too many samples disagree."""
    length = np.hypot(dx, dy)
    misses, total = 0, 0.0
    for place in place_s:
        field_x, field_y = _between_cells(x_hw, y_hw, x + place * dx, y + place * dy)
        if length > 1e-3:
            along = (field_x * dx + field_y * dy) / length
        else:
            along = np.hypot(field_x, field_y)
        if not along > threshold:  # also when it is no number
            misses += 1
            if misses > misses_allowed:
                return 0.0
        if not np.isnan(along):
            total += min(max(along, -1.0), 1.0)
    return total / len(place_s)


@kernel
def _between_cells(x_hw: FloatArray, y_hw: FloatArray, x: float, y: float) -> tuple[float, float]:
    """Return both maps at a place between cell centres (bilinear; outside, the border's value)."""
    rows, columns = x_hw.shape
    x, y = min(max(x, 0.0), columns - 1.0), min(max(y, 0.0), rows - 1.0)
    j, i = int(x), int(y)
    right, below = min(j + 1, columns - 1), min(i + 1, rows - 1)
    fx, fy = x - j, y - i
    upper_x = x_hw[i, j] + fx * (x_hw[i, right] - x_hw[i, j])
    upper_y = y_hw[i, j] + fx * (y_hw[i, right] - y_hw[i, j])
    lower_x = x_hw[below, j] + fx * (x_hw[below, right] - x_hw[below, j])
    lower_y = y_hw[below, j] + fx * (y_hw[below, right] - y_hw[below, j])
    return upper_x + fy * (lower_x - upper_x), upper_y + fy * (lower_y - upper_y)
