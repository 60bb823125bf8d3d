"""One person in views that adjoin, with a strip between that no camera sees, on known ways."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from scene import frames, linked_people, links, side_by_side, walk

from ghostpose.codec.poses import encode_event
from ghostpose.codec.schemas import event_schema
from ghostpose.ground import Ground
from postprocess.linking.linker import Linker
from postprocess.linking.motion import likeness, motion_at
from postprocess.linking.trails import TrackName
from postprocess.linking.worker import events_of, linked_by, links_in

SECONDS = 24.0
"""Long enough for the last one to have come, and for all to be judged."""


def walkers(count: int, seed: int) -> list:
    """People who walk from one view into the other at 0.8 to 1.6 m/s, in both directions."""
    rng = np.random.default_rng(seed)
    ways = []
    for side in rng.choice([-1, 1], count):
        begin, pace, (near, far) = rng.uniform(0, 25), rng.uniform(0.8, 1.6), rng.uniform(1, 3, 2)
        far = np.clip(far, near - 0.8, near + 0.8)
        ways.append(walk((side * 8, near), (-side * 8, far), 16 / pace, begin))
    return ways


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("gap_m", [1.0, 2.0, 3.0])
def test_most_who_walk_over_are_linked_and_nobody_wrongly(gap_m: float, every: int) -> None:
    """One frame in three is 3.3 a second."""
    cameras, people, found = side_by_side(gap_m), 6, set()
    for seed in range(4):
        told = linked_people(links(walkers(people, seed), 48, cameras, seed, every))
        assert all(one == other for one, other in told), (seed, told)
        found |= {(seed, one) for one, _ in told}
    assert len(found) >= 0.75 * 4 * people


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("gap_m", [1.0, 2.0, 3.0])
def test_two_who_cross_the_strip_at_once_are_linked_each_to_itself(gap_m: float, seed: int) -> None:
    ways = [walk((-8, 1.5), (8, 2.5), 13), walk((8, 2), (-8, 2), 13)]
    cameras = side_by_side(gap_m)
    assert linked_people(links(ways, SECONDS, cameras, seed)) == [(1, 1), (2, 2)]


@pytest.mark.parametrize("seed", range(3))
def test_a_strip_that_both_see_for_a_moment_only_is_walked_over_too(seed: int) -> None:
    told = links([walk((-8, 2), (8, 2), 12)], SECONDS, side_by_side(-1.0), seed)
    assert linked_people(told) == [(1, 1)]
    assert told[0].gap_s == 0


@pytest.mark.parametrize("seed", range(3))
def test_two_who_walk_over_side_by_side_are_not_told_apart(seed: int) -> None:
    ways = [walk((-8, 2), (8, 2), 13), walk((-8, 2.4), (8, 2.4), 13)]
    assert links(ways, SECONDS, side_by_side(2.0), seed) == []


@pytest.mark.parametrize("seed", range(3))
def test_who_turns_back_or_waits_between_is_not_taken_for_who_comes(seed: int) -> None:
    """One turns back in the strip, while another comes out of it on the other side."""
    back, forth = walk((-8, 2), (0, 2), 6.5), walk((0, 2), (8, 2), 6.5, begin=14)
    turns = lambda t: back(t) if t < 6.5 else back(13 - t)  # noqa: E731
    assert links([turns, forth], 32, side_by_side(2.0), seed) == []


def test_who_stands_at_the_edge_or_was_there_all_along_is_linked_to_nobody() -> None:
    edge = lambda t: (-1.3, 2.0) if t < 8 else None  # noqa: E731
    other = lambda t: (1.3, 2.0) if t > 9 else None  # noqa: E731
    there = [walk((-4, 2), (1, 2), 4), walk((1.3, 2), (6, 2), 4)]
    for ways in ([edge, other], there):
        assert links(ways, SECONDS, side_by_side(2.0)) == []


def test_a_link_says_how_long_nobody_was_seen_and_is_told_once() -> None:
    cameras, linker, told = side_by_side(2.0), Linker(), []
    ways = [walk((-8, 2), (8, 2), 13)]
    for poses in zip(*(frames(camera, ways, SECONDS, 0) for camera in cameras), strict=True):
        for pose, camera in zip(poses, cameras, strict=True):
            told += links_in(linker, pose, Ground.of(camera.pairs()))
    (link,) = told
    assert link.person == "left-1"
    assert 1.2 < link.gap_s < 2.2
    assert 0.6 < link.score <= 1
    for event in events_of(link):
        Draft7Validator(event_schema()).validate(json.loads(encode_event(event)))
        assert event.details["certainty"] == "probable"
        assert event.details["gap_s"] == round(link.gap_s, 3)
        assert linked_by(event) is not None


def test_who_was_linked_before_a_restart_is_not_linked_again_or_to_another() -> None:
    names = [TrackName(camera, 7, f"{camera}-1") for camera in ("left", "right")]
    ways, cameras = [walk((-8, 2), (8, 2), 13)], side_by_side(2.0)
    for person in (names[1], TrackName("right", 7, "right-9")):
        linker, told = Linker(), []
        linker.learn(names[0], names[1], "left-1")
        linker.learn(names[1], person, "left-1")
        for poses in zip(*(frames(camera, ways, SECONDS, 0) for camera in cameras), strict=True):
            for pose, camera in zip(poses, cameras, strict=True):
                told += links_in(linker, pose, Ground.of(camera.pairs()))
        assert told == []


def test_however_many_come_and_go_only_the_last_minute_is_kept() -> None:
    ways = [walk((-8, 2), (8, 2), 13, begin) for begin in range(0, 200, 8)]
    linker, cameras = Linker(), side_by_side(2.0)
    most = 0
    for poses in zip(*(frames(camera, ways, 220, 0)[::2] for camera in cameras), strict=True):
        for pose, camera in zip(poses, cameras, strict=True):
            list(links_in(linker, pose, Ground.of(camera.pairs())))
        known = linker._known
        kept = {*known.linked, *known.persons, *dict(known.all()), *linker._handovers._unjudged}
        most = max(most, len(kept))
    assert most <= 2 * (70 + 13) / 8 + 2


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=12),
    st.floats(0.05, 1),
    st.floats(-5, 5),
)
def test_likeness_is_a_share_whatever_was_seen(
    places: list[tuple[float, float]], step_s: float, gap_s: float
) -> None:
    times = [index * step_s for index in range(len(places))]
    left = motion_at(times[-1], times, places)
    came = motion_at(times[0] + gap_s, [time_s + gap_s for time_s in times], places)
    for one, other in itertools.product((left, came), repeat=2):
        assert 0 <= likeness(one, other) <= 1


def test_who_walks_on_as_before_is_as_alike_as_can_be() -> None:
    times = [0.2 * index for index in range(8)]
    left = motion_at(1.4, times, [(1.2 * time_s, 2.0) for time_s in times])
    later = [4 + time_s for time_s in times]
    came = motion_at(4, later, [(1.2 * time_s, 2.0) for time_s in later])
    assert math.isclose(likeness(left, came), 1)
