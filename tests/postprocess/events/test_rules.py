"""Zones, lines and postures on made people whose ways are known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people import HANDS_UP, LYING, STANDING, TOWARDS, frame, person, play

from ghostpose.rules import LineConfig, Rules, ZoneConfig
from postprocess.events import Memories, rules_of, watch

if TYPE_CHECKING:
    from ghostpose.types import EventMessage

SQUARE = ((300.0, 300.0), (700.0, 300.0), (700.0, 600.0), (300.0, 600.0))
"""A zone of the floor."""


def zone(**settings: object) -> Rules:
    return Rules(zones=(ZoneConfig(name="till", polygon=SQUARE, **settings),))  # type: ignore[arg-type]


LINE = Rules(lines=(LineConfig(name="door", points=((500, 100), (500, 700))),))
"""Goes down the picture: its right is the picture's left."""


def kinds(events: list[EventMessage]) -> list[str]:
    return [event.kind for event in events]


def test_who_walks_through_a_zone_enters_and_leaves_once() -> None:
    events = play(zone(), 12, lambda t: [person(1, 100 * t, 450)])
    assert kinds(events) == ["enter", "leave"]
    enter, leave = events
    assert enter.details["zone"] == "till"
    assert enter.details["track"] == "hall-1"
    assert enter.details["seqs"] == [24, 28]  # inside from 3.0 s, counted 0.4 s later
    assert leave.details["seqs"] == [56, 60]
    assert len(enter.details["keypoints"]) == 18  # type: ignore[arg-type]


@pytest.mark.parametrize("fps", [2.0, 5.0, 30.0])
def test_the_same_happens_at_any_rate(fps: float) -> None:
    events = play(zone(), 12, lambda t: [person(1, 100 * t, 450)], fps)
    assert kinds(events) == ["enter", "leave"]
    assert 3.4 <= float(str(events[0].details["media_time"])) <= 3.4 + 1 / fps + 0.5


def test_feet_that_shake_on_the_edge_neither_enter_nor_leave() -> None:
    shaking = play(zone(), 20, lambda t: [person(1, 300 + 12 * math.sin(20 * t), 450)])
    assert kinds(shaking) == []


def test_feet_count_and_not_the_box() -> None:
    assert kinds(play(zone(), 3, lambda _: [person(1, 500, 650)])) == []  # body inside, feet below


def test_hidden_feet_are_where_the_body_says() -> None:
    hidden = ["right_ankle", "left_ankle", "right_knee", "left_knee"]
    events = play(zone(), 3, lambda _: [person(1, 500, 580, hidden=hidden)])
    assert kinds(events) == ["enter"]


def test_who_vanishes_inside_has_left_after_two_seconds_and_is_marked_lost() -> None:
    events = play(zone(), 8, lambda t: [person(1, 500, 450)] if t < 3 else [])
    assert kinds(events) == ["enter", "leave"]
    assert events[1].details["lost"] is True
    assert events[1].seq == 40
    assert "keypoints" not in events[1].details


def test_who_is_hidden_for_a_second_has_not_left() -> None:
    events = play(zone(), 8, lambda t: [] if 3 < t < 4.2 else [person(1, 500, 450)])
    assert kinds(events) == ["enter"]


def test_who_stays_is_told_once_each_stay() -> None:
    def at(t: float) -> list:  # type: ignore[type-arg]
        away = 12 < t < 15
        return [person(1, 900 if away else 500, 450)]

    events = play(zone(dwell_s=5), 25, at)
    assert kinds(events) == ["enter", "dwell", "leave", "enter", "dwell"]
    assert events[1].details["stays_s"] == pytest.approx(5, abs=0.2)


def test_a_crowd_begins_and_ends() -> None:
    def at(t: float) -> list:  # type: ignore[type-arg]
        there = 3 if 5 < t < 15 else 2
        return [person(n + 1, 400 + 100 * n, 450) for n in range(there)]

    events = [e for e in play(zone(crowd=3), 25, at) if e.kind == "crowd"]
    assert [(e.details["state"], e.details["people"]) for e in events] == [
        ("begins", 3),
        ("ends", 2),
    ]


def test_a_line_is_crossed_in_and_out() -> None:
    def at(t: float) -> list:  # type: ignore[type-arg]
        return [person(1, 200 + 100 * t, 400), person(2, 800 - 100 * t, 500)]

    events = play(LINE, 6, at)
    assert {e.details["track"]: e.details["direction"] for e in events} == {
        "hall-1": "out",
        "hall-2": "in",
    }


def test_who_stands_on_the_line_crosses_it_at_most_once() -> None:
    def at(t: float) -> list:  # type: ignore[type-arg]
        x = (
            300 + 100 * t
            if t < 2
            else 500 + 8 * math.sin(15 * t)
            if t < 20
            else 500 + 50 * (t - 20)
        )
        return [person(1, x, 400)]

    assert kinds(play(LINE, 24, at)) == ["cross"]


def test_who_walks_around_the_end_of_a_line_does_not_cross_it() -> None:
    short = Rules(lines=(LineConfig(name="door", points=((500, 300), (500, 500))),))

    def at(t: float) -> list:  # type: ignore[type-arg]
        way = [(400.0, 400.0), (400.0, 600.0), (600.0, 600.0), (600.0, 400.0)]
        leg = min(2, int(t // 2))
        (ax, ay), (bx, by), share = way[leg], way[leg + 1], min(1.0, t / 2 - leg)
        return [person(1, ax + share * (bx - ax), ay + share * (by - ay))]

    assert kinds(play(short, 7, at)) == []


def test_a_way_through_the_joint_of_a_bent_line_is_one_crossing() -> None:
    bent = Rules(lines=(LineConfig(name="door", points=((500, 100), (500, 392), (500, 700))),))
    assert kinds(play(bent, 6, lambda t: [person(1, 200 + 100 * t, 400)])) == ["cross"]


@pytest.mark.parametrize("fallen", [LYING, TOWARDS], ids=["across", "towards"])
def test_a_fall_is_told_once_a_second_after_it(fallen: dict[str, tuple[float, float]]) -> None:
    rules = Rules(postures=("fall",))
    events = play(rules, 12, lambda t: [person(1, 400, 500, STANDING if t < 4 else fallen)])
    assert kinds(events) == ["fall"]
    assert events[0].details["seqs"] == [32, 40]


def test_who_lay_from_the_beginning_did_not_fall() -> None:
    assert kinds(play(Rules(postures=("fall",)), 8, lambda _: [person(1, 400, 500, LYING)])) == []


def test_who_bends_down_for_a_moment_did_not_fall() -> None:
    def at(t: float) -> list:  # type: ignore[type-arg]
        return [person(1, 400, 500, LYING if 4 < t < 4.8 else STANDING)]

    assert kinds(play(Rules(postures=("fall",)), 8, at)) == []


def test_raised_hands_are_told_once_each_time() -> None:
    def at(t: float) -> list:  # type: ignore[type-arg]
        up = 2 < t < 5 or 7 < t < 9
        return [person(1, 400, 500, HANDS_UP if up else STANDING), person(2, 800, 500)]

    events = play(Rules(postures=("hands_up",)), 12, at)
    assert [(e.kind, e.details["track"]) for e in events] == [("hands_up", "hall-1")] * 2


def test_one_hand_up_is_no_surrender() -> None:
    one = STANDING | {"right_elbow": (-0.17, 1.0), "right_wrist": (-0.15, 1.16)}
    events = play(Rules(postures=("hands_up",)), 4, lambda _: [person(1, 400, 500, one)])
    assert kinds(events) == []


def test_a_new_session_begins_with_nobody_anywhere() -> None:
    rules, memories = rules_of(zone()), Memories()
    for seq in range(10):
        _, memories = watch(rules, frame(seq, [person(1, 500, 450)]), memories)
    events, memories = watch(rules, frame(0, [], session=8), memories)
    assert events == ()
    assert memories == Memories(8)


@settings(deadline=None)
@given(st.permutations(range(4)), st.integers(0, 2**32 - 1))
def test_the_order_of_people_changes_nothing(order: list[int], seed: int) -> None:
    ways = np.random.default_rng(seed).uniform((200, 200), (900, 700), (4, 2, 2))
    rules = Rules(zones=zone(dwell_s=1, crowd=2).zones, lines=LINE.lines)

    def at(t: float, numbers: list[int]) -> list:  # type: ignore[type-arg]
        places = ways[:, 0] + (ways[:, 1] - ways[:, 0]) * t / 4
        return [person(n + 1, *map(float, places[n])) for n in numbers]

    def told(numbers: list[int]) -> list[tuple[object, ...]]:
        events = play(rules, 4, lambda t: at(t, numbers))
        return sorted((e.seq, e.kind, str(e.details.get("track"))) for e in events)

    assert told(order) == told([0, 1, 2, 3])
