"""Step 4: limbs joined to people.

Shape legend: n peaks; m pairs; p people; k the 18 key points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.skeleton import LIMBS, NUM_KEYPOINTS, TREE_LIMBS
from postprocess.grouping.kernel import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ghostpose.types import FloatArray
    from postprocess.grouping.pair_scores import Pairs
    from postprocess.grouping.peaks import Peaks

_TREE_L: Final = np.isin(np.arange(len(LIMBS)), TREE_LIMBS)


@dataclass(frozen=True, slots=True)
class Assembly:
    """People as peaks: `peak_pk` holds peak numbers, -1 = missing; no peak is in two people.

    `limbs_p` counts the limbs that a person was joined from or that confirm it; `affinity_p` is the
    root mean square of their affinities, 0..1.
    """

    peak_pk: NDArray[np.int32]
    limbs_p: NDArray[np.int64]
    affinity_p: FloatArray


def assemble(
    peaks: Peaks, pairs: Pairs, chosen: NDArray[np.int32], *, min_keypoints: int
) -> Assembly:
    """Return the people of at least `min_keypoints` key points, in the order of their first peak.

    Limbs of the body's tree join first, strongest first, then the remaining ones (ear to shoulder).
    A limb inside one person confirms it; between two it merges them, unless both have the same key
    point: then it is left out, and nobody's key point is overwritten.
    """
    limb_m = np.repeat(np.arange(len(LIMBS)), np.diff(pairs.first_l))[chosen]
    affinity_m = pairs.affinity_m[chosen]
    order_m = np.lexsort((-affinity_m, ~_TREE_L[limb_m]))
    chosen = chosen[order_m]
    peak_pk, limbs_p, squares_p = _join(
        peaks.keypoint_n,
        NUM_KEYPOINTS,
        pairs.start_m[chosen],
        pairs.end_m[chosen],
        affinity_m[order_m],
        min_keypoints,
    )
    return Assembly(peak_pk, limbs_p, np.sqrt(squares_p / np.maximum(limbs_p, 1)))


@kernel
def _join(
    keypoint_n: NDArray[np.int64],
    keypoints: int,
    start_m: NDArray[np.int32],
    end_m: NDArray[np.int32],
    affinity_m: FloatArray,
    min_keypoints: int,
) -> tuple[NDArray[np.int32], NDArray[np.int64], FloatArray]:
    """Union-find over peaks; the bits of a group's root say which key points the group has."""
    parent_n, bits_n = np.arange(len(keypoint_n)), np.left_shift(1, keypoint_n)
    limbs_n, squares_n = np.zeros_like(parent_n), np.zeros(len(keypoint_n))
    for m in range(len(start_m)):
        a, b = _root(parent_n, start_m[m]), _root(parent_n, end_m[m])
        if a != b:
            if bits_n[a] & bits_n[b]:
                continue
            a, b = min(a, b), max(a, b)
            parent_n[b] = a
            bits_n[a] |= bits_n[b]
            limbs_n[a] += limbs_n[b]
            squares_n[a] += squares_n[b]
        limbs_n[a] += 1
        squares_n[a] += affinity_m[m] * affinity_m[m]
    roots, peak_pk = _collect(parent_n, keypoint_n, keypoints, min_keypoints)
    return peak_pk, limbs_n[roots], squares_n[roots].astype(np.float32)


@kernel
def _collect(
    parent_n: NDArray[np.int64],
    keypoint_n: NDArray[np.int64],
    keypoints: int,
    min_keypoints: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the roots of groups of at least `min_keypoints` peaks, and each group as a row."""
    size_n = np.zeros(len(parent_n), np.int64)
    for n in range(len(parent_n)):
        size_n[_root(parent_n, n)] += 1
    roots = np.flatnonzero(size_n >= min_keypoints)
    person_n = np.full(len(parent_n), -1)
    person_n[roots] = np.arange(len(roots))
    peak_pk = np.full((len(roots), keypoints), -1, np.int32)
    for n in range(len(parent_n)):
        person = person_n[_root(parent_n, n)]
        if person >= 0:
            peak_pk[person, keypoint_n[n]] = n
    return roots, peak_pk


@kernel
def _root(parent_n: NDArray[np.int64], n: int) -> int:
    while parent_n[n] != n:
        parent_n[n] = parent_n[parent_n[n]]
        n = parent_n[n]
    return n
