"""Shares of cameras: fair by cost, complete, and seldom moved."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.shares import LEAST_COST, LEAST_GAIN, WORTH_MOVING, Playable, Player, plan_shares


def players(*cores: float) -> list[Player]:
    return [Player(f"ingest-{k}", f"host-{k}", count) for k, count in enumerate(cores)]


def cameras(*costs: float) -> list[Playable]:
    return [Playable(f"cam-{k:03d}", cost) for k, cost in enumerate(costs)]


def play_rounds(
    all_: list[Player], cams: list[Playable], holders: dict[str, str], rounds: int = 60
) -> int:
    """Let everybody act in turn; return how often a camera that was played changed its place."""
    moved = 0
    for _ in range(rounds):
        before = dict(holders)
        for player in all_:
            moves = plan_shares(player.name, all_, cams, holders)
            for name in moves.give:
                assert holders.pop(name) == player.name
                moved += 1
            for name in moves.take:
                assert name not in holders, "two want the same free camera"
                holders[name] = player.name
        if holders == before:
            return moved
    raise AssertionError(f"never at rest: {holders}")


def loads(all_: list[Player], cams: list[Playable], holders: dict[str, str]) -> list[float]:
    return [sum(c.cost for c in cams if holders.get(c.name) == p.name) / p.cores for p in all_]


def test_free_cameras_are_shared_out_by_cost_and_by_cores() -> None:
    equal, holders = players(2, 2), {}
    play_rounds(equal, cameras(0.9, 0.3, 0.3, 0.3), holders)
    assert Counter(holders.values()) == {"ingest-0": 1, "ingest-1": 3}
    unequal, holders = players(2, 6), {}
    play_rounds(unequal, cameras(*[0.1] * 16), holders)
    assert Counter(holders.values()) == {"ingest-0": 4, "ingest-1": 12}


def test_cameras_that_were_never_measured_count_as_usual_ones() -> None:
    holders: dict[str, str] = {}
    play_rounds(players(2, 2), cameras(*[0.0] * 8), holders)
    assert Counter(holders.values()) == {"ingest-0": 4, "ingest-1": 4}


def test_a_newcomer_gets_its_share_and_nothing_moves_before_things_have_settled() -> None:
    both, cams = players(2, 2), cameras(*[0.1] * 16)
    holders = {camera.name: "ingest-0" for camera in cams}
    assert plan_shares("ingest-0", both, cams, holders, settled=False).give == ()
    assert play_rounds(both, cams, holders) == 7
    assert Counter(holders.values()) == {"ingest-0": 9, "ingest-1": 7}, "even enough"


def test_what_a_dead_ingest_held_goes_to_those_that_live() -> None:
    cams = cameras(*[0.1] * 4)
    holders = {camera.name: "ingest-dead" for camera in cams}
    assert plan_shares("ingest-0", players(2), cams, holders).take == (), "its lease still holds"
    holders.clear()
    assert len(plan_shares("ingest-0", players(2), cams, holders).take) == 4


def test_a_camera_that_is_bound_to_a_host_is_played_there_or_nowhere() -> None:
    bound = [Playable("usb", 0.1, host="host-1"), Playable("gone", 0.1, host="host-9")]
    holders: dict[str, str] = {}
    play_rounds(players(8, 1), bound, holders)
    assert holders == {"usb": "ingest-1"}


costs = st.lists(st.floats(LEAST_COST, 2.0), max_size=30)
machines = st.lists(st.sampled_from([1.0, 2.0, 4.0, 16.0]), min_size=1, max_size=6)


@given(costs, machines, st.randoms(use_true_random=False))
def test_from_anywhere_all_come_to_rest_with_every_camera_played_and_no_better_move(
    values: list[float], cores: list[float], rng: random.Random
) -> None:
    all_, cams = players(*cores), cameras(*values)
    holders = {c.name: rng.choice(all_).name for c in cams if rng.random() < 0.7}
    play_rounds(all_, cams, holders)
    assert holders.keys() == {camera.name for camera in cams}
    found = dict(zip((p.name for p in all_), loads(all_, cams, holders), strict=True))
    even = WORTH_MOVING * sum(found.values()) / len(found)
    for camera in cams:
        holder = next(p for p in all_ if p.name == holders[camera.name])
        for other in all_:
            apart = found[holder.name] - found[other.name]
            gain = min(camera.cost / holder.cores, apart - camera.cost / other.cores)
            assert apart <= even + 1e-9 or gain <= LEAST_GAIN * camera.cost / holder.cores + 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_wavering_costs_move_no_camera_to_and_fro(seed: int) -> None:
    rng = random.Random(seed)
    all_, base = players(2, 2, 4), [rng.uniform(0.05, 0.4) for _ in range(16)]
    holders: dict[str, str] = {}
    moved = 0
    for _ in range(200):
        wavering = cameras(*[cost * rng.uniform(0.9, 1.1) for cost in base])
        moved += play_rounds(all_, wavering, holders)
    assert moved <= 3
