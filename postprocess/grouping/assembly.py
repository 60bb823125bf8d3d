"""Step 4: limbs joined to people.

Shape legend: n peaks; m pairs; p people; k the 18 key points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ghostpose.skeleton import TREE_LIMBS
from postprocess.grouping.kernel import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ghostpose.types import FloatArray
    from postprocess.grouping.pair_scores import Pairs
    from postprocess.grouping.peaks import Peaks


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
    peak_pk, limbs_p, affinity_p = _join(
        peaks.first_c,
        pairs.first_l,
        pairs.start_m,
        pairs.end_m,
        pairs.affinity_m,
        chosen,
        len(TREE_LIMBS),
        min_keypoints,
    )
    return Assembly(peak_pk, limbs_p, affinity_p)


@kernel
def _join(
    first_c: NDArray[np.int32],
    first_l: NDArray[np.int32],
    start_m: NDArray[np.int32],
    end_m: NDArray[np.int32],
    affinity_m: FloatArray,
    chosen: NDArray[np.int32],
    tree_limbs: int,
    min_keypoints: int,
) -> tuple[NDArray[np.int32], NDArray[np.int64], FloatArray]:
    """Union-find over peaks; the bits of a group's root say which key points the group has."""
    keypoint_n = _keypoints(first_c)
    parent_n, bits_n = np.arange(len(keypoint_n)), np.left_shift(1, keypoint_n)
    limbs_n, squares_n = np.zeros_like(parent_n), np.zeros(len(keypoint_n), np.float32)
    for m in chosen[_order(chosen, affinity_m, first_l[tree_limbs])]:
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
    roots, peak_pk = _collect(parent_n, keypoint_n, len(first_c) - 1, min_keypoints)
    affinity_p = np.sqrt(squares_n[roots] / np.maximum(limbs_n[roots], 1)).astype(np.float32)
    return peak_pk, limbs_n[roots], affinity_p


@kernel
def _keypoints(first_c: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return which key point each peak is a candidate for."""
    keypoint_n = np.empty(first_c[-1], np.int64)
    for c in range(len(first_c) - 1):
        keypoint_n[first_c[c] : first_c[c + 1]] = c
    return keypoint_n


@kernel
def _order(
    chosen: NDArray[np.int32], affinity_m: FloatArray, first_extra: int
) -> NDArray[np.int64]:
    """Return the order in which limbs join: those of the tree first, the strongest first."""
    rank = np.empty(len(chosen), np.float32)
    for n, m in enumerate(chosen):
        rank[n] = -affinity_m[m] if m < first_extra else 2 - affinity_m[m]
    return np.argsort(rank, kind="mergesort")


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
    for person, root in enumerate(roots):
        person_n[root] = person
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
