"""One person over two cameras, on made scenes with known truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scene import LEFT, RIGHT, frames, linked_people, links, walk

from ghostpose.ground import Ground
from postprocess.linking.linker import Linker
from postprocess.linking.trails import TrackName
from postprocess.linking.worker import links_in

SEEDS = range(5)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_who_cross_are_linked_each_to_itself(seed: int) -> None:
    ways = [walk((-2, 1), (2, 3), 6), walk((2, 1), (-2, 3), 6)]
    assert linked_people(links(ways, 6, seed=seed)) == [(1, 1), (2, 2)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("late_s", [0.2, -0.2])
def test_clocks_may_differ_by_a_fifth_of_a_second(seed: int, late_s: float) -> None:
    ways = [walk((-2, 2), (2, 2), 4), walk((-3, 2), (1, 2), 4)]  # one behind the other
    late = replace(RIGHT, late_s=late_s, phase_s=0.05)
    assert linked_people(links(ways, 4, (LEFT, late), seed)) == [(1, 1), (2, 2)]


@pytest.mark.parametrize("seed", SEEDS)
def test_who_is_seen_by_one_camera_only_is_linked_to_nobody(seed: int) -> None:
    ways = [walk((-2, 1), (2, 3), 6), walk((-2, 2), (2, 4), 6)]  # side by side, a metre apart
    half_blind = replace(RIGHT, blind=frozenset({1}))
    assert linked_people(links(ways, 6, (LEFT, half_blind), seed)) == [(1, 1)]


@pytest.mark.parametrize("seed", SEEDS)
def test_two_who_meet_are_not_one_though_each_is_seen_by_one_camera(seed: int) -> None:
    """A near miss: they pass at 0.4 m, and the other of each is hidden."""
    ways = [walk((-2, 2), (2, 2), 5), walk((2, 2.4), (-2, 2.4), 5)]
    cameras = replace(LEFT, blind=frozenset({1})), replace(RIGHT, blind=frozenset({0}))
    assert links(ways, 5, cameras, seed) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_two_who_stand_too_close_to_tell_are_not_linked_across(seed: int) -> None:
    ways = [lambda _: (0.0, 2.0), lambda _: (0.25, 2.0)]
    for one, other in linked_people(links(ways, 8, seed=seed)):
        assert one == other


@pytest.mark.parametrize("seed", range(3))
def test_a_crowd_with_known_ways_is_linked_right(seed: int) -> None:
    """Eight people walk to and fro in all directions for half a minute; some are seen once only."""
    rng = np.random.default_rng(seed)
    ways = []
    for _ in range(8):
        (x, y), turn, wide = (
            rng.uniform((-1, 1), (1, 3)),
            rng.uniform(0.3, 0.8),
            rng.uniform(0.8, 2),
        )
        begin = rng.uniform(0, 6)
        ways.append(
            lambda t, x=x, y=y, turn=turn, wide=wide, begin=begin: (
                x + wide * math.cos(turn * t + begin), y + wide * math.sin(1.3 * turn * t + begin)
            )
        )  # fmt: skip
    cameras = replace(LEFT, blind=frozenset({6})), replace(RIGHT, blind=frozenset({7}))
    found = linked_people(links(ways, 30, cameras, seed))
    assert all(one == other for one, other in found), found
    assert set(found) == {(n, n) for n in range(1, 7)}


def test_a_link_says_how_well_it_fits_and_who_was_seen_first() -> None:
    (link,) = links([walk((-2, 2), (2, 2), 5)], 5)
    assert 0.6 < link.score <= 1
    assert link.together_s >= 2
    assert link.person == "left-1"


def test_a_track_that_is_lost_and_found_again_is_the_same_person() -> None:
    """In the right camera the track breaks, and begins again with another number."""
    whole = walk((-2, 2), (2, 2), 10)
    ways = [whole, lambda t: whole(t) if t < 4 else None, lambda t: whole(t) if t >= 5 else None]
    cameras = replace(LEFT, blind=frozenset({1, 2})), replace(RIGHT, blind=frozenset({0}))
    found = links(ways, 10, cameras)
    assert linked_people(found) == [(1, 2), (1, 3)]
    assert {link.person for link in found} == {found[0].person}


def test_what_was_linked_before_is_not_told_again() -> None:
    linker = Linker()
    names = [TrackName(camera.name, 7, f"{camera.name}-1") for camera in (LEFT, RIGHT)]
    linker.learn(names[0], names[1], "left-1")
    ways = [walk((-2, 2), (2, 2), 5)]
    told = []
    for left, right in zip(frames(LEFT, ways, 5, 0), frames(RIGHT, ways, 5, 0), strict=True):
        for pose, camera in ((left, LEFT), (right, RIGHT)):
            told += links_in(linker, pose, Ground.of(camera.pairs()))
    assert told == []
    assert linker.persons == dict.fromkeys(names, "left-1")


def test_what_is_over_is_forgotten() -> None:
    linker = Linker()
    ways = [walk((-2, 2), (2, 2), 3), walk((-2, 2), (2, 2), 20, begin=80)]
    for left, right in zip(frames(LEFT, ways, 99, 0), frames(RIGHT, ways, 99, 0), strict=True):
        for pose, camera in ((left, LEFT), (right, RIGHT)):
            list(links_in(linker, pose, Ground.of(camera.pairs())))
    assert {name.track for name in linker.persons} == {"left-2", "right-2"}
    known = linker._known
    kept = {*linker._pairs, *known.linked, *known.persons, *dict(known.all())}
    assert {name.track for name in kept} == {"left-2", "right-2"}
