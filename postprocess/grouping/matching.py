"""Step 3: which pairs are limbs: each candidate joins at most one pair of a limb.

Shape legend: l the 19 limbs; m pairs. In the kernels: rows are starts, columns are ends, an edge is
a pair (its number within one limb).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from postprocess.grouping.kernel import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ghostpose.types import FloatArray
    from postprocess.grouping.options import MatchingMethod
    from postprocess.grouping.pair_scores import Pairs


def match(pairs: Pairs, method: MatchingMethod) -> NDArray[np.int32]:
    """Return the numbers of the chosen pairs, ascending.

    `hungarian` maximises the sum of `weight_m` limb by limb (a candidate may stay alone; negative
    weights are never chosen); `greedy` takes the heaviest pair that is still free, again and again.
    """
    chosen_m = _match(
        pairs.first_l, pairs.start_m, pairs.end_m, pairs.weight_m, method == "hungarian"
    )
    return np.flatnonzero(chosen_m).astype(np.int32)


def heaviest(
    start_m: NDArray[np.intp], end_m: NDArray[np.intp], weight_m: FloatArray
) -> NDArray[np.bool_]:
    """Return which pairs, of one kind, make up the one-to-one matching of greatest weight."""
    first_l = np.array((0, len(start_m)), np.int32)
    return _match(first_l, start_m.astype(np.int32), end_m.astype(np.int32), weight_m, True)


@kernel
def _match(
    first_l: NDArray[np.int32],
    start_m: NDArray[np.int32],
    end_m: NDArray[np.int32],
    weight_m: FloatArray,
    best: bool,
) -> NDArray[np.bool_]:
    chosen_m = np.zeros(len(start_m), np.bool_)
    for limb in range(len(first_l) - 1):
        low, high = first_l[limb], first_l[limb + 1]
        if high - low <= 1:  # nothing to choose between: most limbs of a picture of one person
            chosen_m[low:high] = weight_m[low:high] > 0
            continue
        row_e, rows = _from_zero(start_m[low:high])
        column_e, columns = _from_zero(end_m[low:high])
        if best:
            _hungarian(row_e, column_e, rows, columns, weight_m[low:high], chosen_m[low:high])
        else:
            _greedy(row_e, column_e, rows, columns, weight_m[low:high], chosen_m[low:high])
    return chosen_m


@kernel
def _from_zero(number_m: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """Return the numbers less the smallest, and how many there may be up to the largest."""
    low = high = number_m[0]
    for number in number_m:
        low, high = min(low, number), max(high, number)
    return number_m - low, high - low + 1


@kernel
def _greedy(
    row_e: NDArray[np.int32],
    column_e: NDArray[np.int32],
    rows: int,
    columns: int,
    weight_e: FloatArray,
    chosen_e: NDArray[np.bool_],
) -> None:
    row_taken = np.zeros(rows, np.bool_)
    column_taken = np.zeros(columns, np.bool_)
    for edge in np.argsort(-weight_e, kind="mergesort"):
        row, column = row_e[edge], column_e[edge]
        if weight_e[edge] > 0 and not row_taken[row] and not column_taken[column]:
            row_taken[row] = column_taken[column] = chosen_e[edge] = True


@kernel
def _hungarian(
    row_e: NDArray[np.int32],
    column_e: NDArray[np.int32],
    rows: int,
    columns: int,
    weight_e: FloatArray,
    chosen_e: NDArray[np.bool_],
) -> None:
    """Mark the edges of a maximum-weight matching (shortest augmenting paths with potentials).

    The sparse form of Jonker and Volgenant 1987. Rows come in one by one; a row may stay alone at
    cost 0, an edge costs -weight. `u`, `v` keep every reduced cost (cost - u - v) >= 0. Within a
    round, `distance_c` and `via_c` are the shortest path to each column and its last edge. All
    in one function: passing this much to another takes as long as a round.
    """
    first_r, order_e = _by_row(row_e, rows)
    u_r, v_c = np.zeros(rows), np.zeros(columns)
    edge_of_r, edge_of_c = np.full(rows, -1), np.full(columns, -1)
    distance_c, via_c = np.full(columns, np.inf), np.full(columns, -1)
    done_c = np.zeros(columns, np.bool_)
    for root in range(rows):
        for e in order_e[first_r[root] : first_r[root + 1]]:
            u_r[root] = min(u_r[root], -weight_e[e] - v_c[column_e[e]])
        seen_c = [0 for _ in range(0)]
        row, base = root, 0.0
        alone, alone_row = np.inf, root  # the cheapest way to leave a row of the tree alone
        while True:
            if base - u_r[row] < alone:
                alone, alone_row = base - u_r[row], row
            for e in order_e[first_r[row] : first_r[row + 1]]:
                c = column_e[e]
                reach = base - weight_e[e] - u_r[row] - v_c[c]
                if not done_c[c] and reach < distance_c[c]:
                    if distance_c[c] == np.inf:
                        seen_c.append(c)
                    distance_c[c], via_c[c] = reach, e
            nearest = _nearest(seen_c, done_c, distance_c)
            if nearest < 0 or alone <= distance_c[nearest]:
                nearest, base = -1, alone
                break
            base = distance_c[nearest]
            if edge_of_c[nearest] < 0:
                break
            done_c[nearest] = True
            row = row_e[edge_of_c[nearest]]
        u_r[root] += base
        for c in seen_c:
            if done_c[c]:
                v_c[c] -= base - distance_c[c]
                u_r[row_e[edge_of_c[c]]] += base - distance_c[c]
            distance_c[c], done_c[c] = np.inf, False
        if nearest < 0 and alone_row != root:  # that row gives its column up
            nearest = column_e[edge_of_r[alone_row]]
            edge_of_r[alone_row] = -1
        _swap_along_path(nearest, via_c, row_e, column_e, edge_of_r, edge_of_c)
    for e in edge_of_r:
        if e >= 0:
            chosen_e[e] = True


@kernel
def _by_row(row_e: NDArray[np.int32], rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each row's edges begin in the order of edges returned beside it."""
    first_r = np.zeros(rows + 2, np.int64)
    for row in row_e:
        first_r[row + 2] += 1
    for row in range(rows):
        first_r[row + 2] += first_r[row + 1]
    order_e = np.empty(len(row_e), np.int64)
    for e, row in enumerate(row_e):
        order_e[first_r[row + 1]] = e
        first_r[row + 1] += 1
    return first_r[: rows + 1], order_e


@kernel
def _nearest(seen_c: list[int], done_c: NDArray[np.bool_], distance_c: NDArray[np.float64]) -> int:
    """Return the seen column that is nearest of those not done, -1 if there is none."""
    nearest = -1
    for c in seen_c:
        if not done_c[c] and (nearest < 0 or distance_c[c] < distance_c[nearest]):
            nearest = c
    return nearest


@kernel
def _swap_along_path(
    column: int,
    via_c: NDArray[np.int64],
    row_e: NDArray[np.int32],
    column_e: NDArray[np.int32],
    edge_of_r: NDArray[np.int64],
    edge_of_c: NDArray[np.int64],
) -> None:
    """Give `column` to the row its path comes from, that row's old column to the one before ..."""
    while column >= 0:
        e = via_c[column]
        before = edge_of_r[row_e[e]]
        edge_of_r[row_e[e]], edge_of_c[column] = e, e
        column = column_e[before] if before >= 0 else -1
