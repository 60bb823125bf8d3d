"""Step 2: how much the affinity fields speak for each pair of candidates being a limb.

Shape legend: c the 18 key points; l the 19 limbs; n peaks; m pairs; h, w map rows and columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.skeleton import LIMBS
from postprocess.grouping.kernel import as_input, inlined, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ghostpose.types import FloatArray
    from postprocess.grouping.options import GroupingOptions
    from postprocess.grouping.peaks import Peaks

_LIMBS: Final = np.array(LIMBS, np.int32)

_SHORTEST: Final = np.float32(1e-3)
"""A limb shorter than this many cells has no direction."""


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
        np.float32(offset_cells),
        _places(options.limb_samples),
        np.float32(options.sample_threshold),
        options.min_agreement,
        np.float32(options.free_length * paf_chw.shape[1]),
    )
    return Pairs(first_l, start_m, end_m, affinity_m, weight_m)


@cache
def _places(samples: int) -> FloatArray:
    """Return places 0..1 along a limb, the middle first: a wrong pair fails there soonest."""
    place_s = (np.arange(samples) + 0.5) / samples
    return as_input(place_s[np.argsort(np.abs(place_s - 0.5), kind="stable")].astype(np.float32))


@kernel
def _score(
    first_c: NDArray[np.int32],
    xy_n2: FloatArray,
    score_n: FloatArray,
    paf_chw: FloatArray,
    limbs: NDArray[np.int32],
    offset: np.float32,
    place_s: FloatArray,
    threshold: np.float32,
    agreement: float,
    free_length: np.float32,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], FloatArray, FloatArray]:
    """All arithmetic is float32: half the time of float64, and as exact as the maps."""
    first_l = np.zeros(len(limbs) + 1, np.int32)
    pair_m2 = np.empty((256, 2), np.int32)  # both grow
    score_m2 = np.empty((256, 2), np.float32)
    misses_allowed = len(place_s) - int(np.ceil(agreement * len(place_s) - 1e-9))
    inside_n2 = _inside(xy_n2, offset, paf_chw.shape[1], paf_chw.shape[2])
    count = 0
    for limb in range(len(limbs)):
        start, end, paf_x, paf_y = limbs[limb]
        x_hw, y_hw = paf_chw[paf_x], paf_chw[paf_y]
        for a in range(first_c[start], first_c[start + 1]):
            x, y = inside_n2[a]
            for b in range(first_c[end], first_c[end + 1]):
                dx, dy = xy_n2[b, 0] - xy_n2[a, 0], xy_n2[b, 1] - xy_n2[a, 1]
                step_x, step_y = inside_n2[b, 0] - x, inside_n2[b, 1] - y
                affinity = _affinity(
                    x_hw, y_hw, x, y, step_x, step_y, dx, dy, place_s, threshold, misses_allowed
                )
                if affinity <= 0:
                    continue
                affinity -= max(1 - free_length / max(np.hypot(dx, dy), _SHORTEST), 0)
                if affinity <= 0:
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
def _inside(xy_n2: FloatArray, offset: np.float32, rows: int, columns: int) -> FloatArray:
    """Return where the peaks are in the fields, those beyond the border's cells moved onto them."""
    inside_n2 = np.empty_like(xy_n2)
    for n in range(len(xy_n2)):
        inside_n2[n, 0] = min(max(xy_n2[n, 0] + offset, np.float32(0)), np.float32(columns - 1))
        inside_n2[n, 1] = min(max(xy_n2[n, 1] + offset, np.float32(0)), np.float32(rows - 1))
    return inside_n2


@inlined
def _affinity(
    x_hw: FloatArray,
    y_hw: FloatArray,
    x: np.float32,
    y: np.float32,
    step_x: np.float32,
    step_y: np.float32,
    dx: np.float32,
    dy: np.float32,
    place_s: FloatArray,
    threshold: np.float32,
    misses_allowed: int,
) -> np.float32:
    """Return the mean of the field's component along dx, dy over places from x, y by one step.

    It is 0 as soon as too many samples disagree.
    """
    length = np.sqrt(dx * dx + dy * dy)
    if length < _SHORTEST:
        return _magnitude(x_hw, y_hw, x, y, threshold)
    ux, uy = dx / length, dy / length
    misses, total = 0, np.float32(0)
    for place in place_s:
        along = _along(x_hw, y_hw, x + place * step_x, y + place * step_y, ux, uy)
        if along > threshold:
            total += min(along, np.float32(1))
            continue
        misses += 1
        if misses > misses_allowed:
            return np.float32(0)
        if along > np.float32(-1):  # less, or no number at all, counts as nothing
            total += along
    return total / np.float32(len(place_s))


@kernel
def _magnitude(
    x_hw: FloatArray, y_hw: FloatArray, x: np.float32, y: np.float32, threshold: np.float32
) -> np.float32:
    """Return the field's length at a place, at most 1; 0 if it is no number or too short."""
    along_x = _along(x_hw, y_hw, x, y, np.float32(1), np.float32(0))
    along_y = _along(x_hw, y_hw, x, y, np.float32(0), np.float32(1))
    magnitude = np.sqrt(along_x * along_x + along_y * along_y)
    return min(magnitude, np.float32(1)) if magnitude > threshold else np.float32(0)


@inlined
def _along(
    x_hw: FloatArray, y_hw: FloatArray, x: np.float32, y: np.float32, ux: np.float32, uy: np.float32
) -> np.float32:
    """Return the field's component along a unit vector at a place inside the maps (bilinear)."""
    j, i = int(x), int(y)
    right, below = min(j + 1, x_hw.shape[1] - 1), min(i + 1, x_hw.shape[0] - 1)
    fx, fy = x - np.float32(j), y - np.float32(i)
    upper = x_hw[i, j] * ux + y_hw[i, j] * uy
    upper += fx * (x_hw[i, right] * ux + y_hw[i, right] * uy - upper)
    lower = x_hw[below, j] * ux + y_hw[below, j] * uy
    lower += fx * (x_hw[below, right] * ux + y_hw[below, right] * uy - lower)
    along: np.float32 = upper + fy * (lower - upper)
    return along
