"""Step 3: which pairs are limbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from postprocess.grouping.matching import match
from postprocess.grouping.pair_scores import Pairs

if TYPE_CHECKING:
    from postprocess.grouping import MatchingMethod

METHODS: tuple[MatchingMethod, ...] = ("hungarian", "greedy")


def pairs_of(weights_ab: np.ndarray, limb: int = 3, first_peak: int = 10) -> Pairs:
    """Return the pairs of one limb: rows start it, columns end it, 0 = no pair."""
    start_m, end_m = np.nonzero(weights_ab)
    weight_m = np.asarray(weights_ab, np.float32)[start_m, end_m]
    first_l = np.where(np.arange(20) > limb, len(start_m), 0).astype(np.int32)
    start_m = (start_m + first_peak).astype(np.int32)
    end_m = (end_m + first_peak + len(weights_ab)).astype(np.int32)
    return Pairs(first_l, start_m, end_m, weight_m, weight_m)


def chosen(weights_ab: np.ndarray, method: MatchingMethod) -> set[tuple[int, int]]:
    pairs = pairs_of(weights_ab, first_peak=0)
    numbers = match(pairs, method)
    rows, columns = pairs.start_m[numbers], pairs.end_m[numbers] - len(weights_ab)
    return set(zip(rows.tolist(), columns.tolist(), strict=True))


def test_the_second_of_two_crossing_arms_is_lost_by_greedy_matching_only() -> None:
    weights_ab = np.array([[0.9, 0.8], [0.8, 0.0]])
    assert chosen(weights_ab, "greedy") == {(0, 0)}
    assert chosen(weights_ab, "hungarian") == {(0, 1), (1, 0)}


def test_one_strong_limb_is_not_given_up_for_two_feeble_ones() -> None:
    weights_ab = np.array([[0.9, 0.3], [0.3, 0.0]])
    assert chosen(weights_ab, "hungarian") == {(0, 0)}


@pytest.mark.parametrize("method", METHODS)
def test_limbs_are_matched_each_for_itself(method: MatchingMethod) -> None:
    one = pairs_of(np.array([[0.5]]), limb=0)
    both = Pairs(
        np.array([0, 1, *[2] * 18], np.int32),
        np.repeat(one.start_m, 2),
        np.repeat(one.end_m, 2),
        np.repeat(one.affinity_m, 2),
        np.repeat(one.weight_m, 2),
    )
    assert match(both, method).tolist() == [0, 1]


@pytest.mark.parametrize("method", METHODS)
def test_no_pairs_are_matched_to_none(method: MatchingMethod) -> None:
    assert match(pairs_of(np.zeros((3, 2))), method).tolist() == []


@pytest.mark.parametrize("method", METHODS)
def test_a_weight_below_zero_is_never_chosen(method: MatchingMethod) -> None:
    assert chosen(np.array([[-0.5, 0.2], [0.4, -0.1]]), method) == {(0, 1), (1, 0)}
    assert chosen(np.array([[-0.5]]), method) == set()


matrices = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda shape: arrays(
        np.float32,
        shape,
        elements=st.one_of(st.just(0.0), st.floats(0.0078125, 1, width=32)),
    )
)


@given(matrices)
def test_hungarian_is_as_good_as_scipys(weights_ab: np.ndarray) -> None:
    ours = chosen(weights_ab, "hungarian")
    rows, columns = linear_sum_assignment(weights_ab.astype(float), maximize=True)
    best = weights_ab[rows, columns].sum(dtype=float)
    assert sum(float(weights_ab[pair]) for pair in ours) == pytest.approx(best, abs=1e-6)
    assert len({row for row, _ in ours}) == len({column for _, column in ours}) == len(ours)


@given(matrices)
def test_greedy_is_the_textbooks(weights_ab: np.ndarray) -> None:
    left = {(int(a), int(b)): float(weights_ab[a, b]) for a, b in np.argwhere(weights_ab)}
    wanted = set()
    while left:
        best = max(left, key=lambda pair: (left[pair], -pair[0], -pair[1]))
        wanted.add(best)
        left = {pair: w for pair, w in left.items() if pair[0] != best[0] and pair[1] != best[1]}
    assert chosen(weights_ab, "greedy") == wanted


@given(matrices.filter(lambda matrix: matrix.size > 1), st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_change_the_sum(weights_ab: np.ndarray, random) -> None:
    pairs = pairs_of(weights_ab)
    order = list(range(len(pairs.start_m)))
    random.shuffle(order)
    shuffled = Pairs(
        pairs.first_l,
        pairs.start_m[order],
        pairs.end_m[order],
        pairs.affinity_m[order],
        pairs.weight_m[order],
    )
    total = pairs.weight_m[match(pairs, "hungarian")].sum()
    assert shuffled.weight_m[match(shuffled, "hungarian")].sum() == pytest.approx(total, abs=1e-6)


def test_a_large_full_matrix_is_matched_as_by_scipy() -> None:
    weights_ab = np.random.default_rng(3).uniform(0.01, 1, (150, 130)).astype(np.float32)
    rows, columns = linear_sum_assignment(weights_ab, maximize=True)
    assert chosen(weights_ab, "hungarian") == set(zip(rows.tolist(), columns.tolist(), strict=True))
