"""Filters: by area, judged by the feet, and by time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.client import Area, EventRecord, PoseRecord, Where, foot_of
from ghostpose.errors import InvalidValueError
from ghostpose.types import EventMessage, Person, PoseMessage

FLOOR = Area(((0, 0), (10, 0), (10, 10), (0, 10)))


def somebody(foot: tuple[float, float], ankles: tuple[float, ...] = ()) -> Person:
    """Return a person of whom ankles are seen at these x; without, the box tells the feet."""
    x, y = foot
    keypoints_k3 = np.zeros((18, 3), np.float32)
    for index, ankle_x in zip((10, 13), ankles, strict=False):
        keypoints_k3[index] = (ankle_x, y - 4, 0.9)
    return Person(0.9, (x - 20, y - 100, 40, 100), keypoints_k3, "hall-1")


def pose(*people: Person, captured_at: float = 100.0) -> PoseRecord:
    message = PoseMessage("hall", 7, 3, captured_at, 3.0, 640, 480, people)
    return PoseRecord("hall", "1-0", 200_000, 1, message, b"{}")


def event(**details: Any) -> EventRecord:
    return EventRecord("hall", "1-0", 200_000, EventMessage("fall", "hall", 7, 3, details), b"{}")


@pytest.mark.parametrize(
    ("ankles", "foot"),
    [
        pytest.param((), (50, 90), id="of hidden feet the lower edge's middle"),
        pytest.param((44,), (44, 90), id="below the ankle that is seen"),
        pytest.param((44, 60), (52, 90), id="between both"),
    ],
)
def test_feet_are(ankles: tuple[float, ...], foot: tuple[float, float]) -> None:
    assert foot_of(somebody((50, 90), ankles)) == pytest.approx(foot)


def test_only_people_whose_feet_are_in_the_area_stay_and_the_message_does() -> None:
    inside, outside = somebody((5, 5)), somebody((15, 5))
    kept = Where(area=FLOOR).of(pose(inside, outside))
    assert isinstance(kept, PoseRecord)
    assert kept.message.people == (inside,)
    empty = Where(area=FLOOR).of(pose(outside))
    assert isinstance(empty, PoseRecord)
    assert empty.message.people == ()


def test_an_area_may_be_of_one_camera_only() -> None:
    outside = pose(somebody((15, 5)))
    assert Where(area={"door": FLOOR}).of(outside) is outside
    cut = Where(area={"hall": FLOOR}).of(outside)
    assert isinstance(cut, PoseRecord)
    assert cut.message.people == ()


@pytest.mark.parametrize(
    ("record", "is_wanted"),
    [
        pytest.param(event(foot=[5.0, 5.0]), True, id="of somebody in the area"),
        pytest.param(event(foot=[50.0, 5.0]), False, id="of somebody elsewhere"),
        pytest.param(event(people=3), True, id="of nobody: a crowd, a gap"),
        pytest.param(event(foot="here"), True, id="whose foot is none"),
    ],
)
def test_events_are_judged_by_their_foot(record: EventRecord, is_wanted: bool) -> None:
    assert (Where(area=FLOOR).of(record) is record) == is_wanted


@pytest.mark.parametrize(
    ("record", "at"),
    [
        pytest.param(pose(captured_at=100.0), 100.0, id="of a pose when it was captured"),
        pytest.param(event(captured_at=120), 120.0, id="of an event when its frame was"),
        pytest.param(event(reason="stale"), 200.0, id="of others when it was told"),
    ],
)
def test_the_time_counts(record: PoseRecord | EventRecord, at: float) -> None:
    assert Where(since=at).of(record) is record
    assert Where(until=math.nextafter(at, math.inf)).of(record) is record
    assert Where(since=math.nextafter(at, math.inf)).of(record) is None
    assert Where(until=at).of(record) is None


@pytest.mark.parametrize(
    "polygon",
    [((0, 0), (1, 1)), (), ((0, 0), (1, 1), (math.nan, 2)), ((0, 0), (1, math.inf), (2, 2))],
)
def test_what_is_no_polygon_is_one_sentence(polygon: Any) -> None:
    with pytest.raises(InvalidValueError, match="wanted three corners or more"):
        Area(polygon)


@given(*[st.floats(-500, 500) for _ in range(2)], *[st.floats(0.5, 300) for _ in range(2)])
def test_a_box_holds_what_is_within_its_sides(x: float, y: float, w: float, h: float) -> None:
    area = Area.box(-100, -100, w, h)
    assert area.holds((x, y)) == (-100 <= x < -100 + w and -100 <= y < -100 + h)


def test_an_event_says_by_name_and_type_what_its_details_hold() -> None:
    told = event(track="hall-3", zone="till", foot=[1, 2.5], captured_at=5)
    assert (told.track, told.place, told.foot, told.captured_at) == (
        "hall-3",
        "till",
        (1.0, 2.5),
        5.0,
    )
    assert event(line="door").place == "door"
    nothing = event(track=3, foot=[1], captured_at="now")
    assert (nothing.track, nothing.place, nothing.foot, nothing.captured_at) == (None,) * 4
