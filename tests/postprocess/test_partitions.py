"""Fair shares of the partitions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postprocess.partitions import plan_moves


def test_a_lone_worker_takes_every_free_partition() -> None:
    moves = plan_moves("a", [], {}, 4)
    assert sorted(moves.take) == [0, 1, 2, 3]
    assert moves.release == ()


def test_a_worker_that_joins_takes_nothing_that_another_holds() -> None:
    assert plan_moves("b", ["a"], dict.fromkeys(range(4), "a"), 4).take == ()


def test_a_worker_with_more_than_its_share_gives_the_rest_back() -> None:
    moves = plan_moves("a", ["a", "b"], dict.fromkeys(range(4), "a"), 4)
    assert moves.release == (2, 3)


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "c"], [f"w{n}" for n in range(7)]])
def test_shares_differ_by_one_at_most_and_nothing_is_left_over(names: list[str]) -> None:
    shares = [len(plan_moves(name, names, {}, 16).take) for name in names]
    assert sum(shares) == 16
    assert max(shares) - min(shares) <= 1


@given(
    st.integers(1, 12),
    st.lists(st.sampled_from("abcde"), min_size=1, max_size=5, unique=True),
    st.dictionaries(st.integers(0, 11), st.sampled_from("abcde")),
)
def test_workers_that_follow_their_plans_come_to_equal_shares_and_rest(
    partitions: int, workers: list[str], held: dict[int, str]
) -> None:
    holders = {p: who for p, who in held.items() if p < partitions and who in workers}
    for _ in range(2 * len(workers) + 2):
        for me in workers:
            moves = plan_moves(me, workers, holders, partitions)
            for partition in moves.release:
                assert holders.pop(partition) == me
            for partition in moves.take:
                assert partition not in holders
                holders[partition] = me
    assert sorted(holders) == list(range(partitions))
    assert all(plan_moves(me, workers, holders, partitions).take == () for me in workers)
    counts = [list(holders.values()).count(me) for me in workers]
    assert max(counts) - min(counts) <= 1
