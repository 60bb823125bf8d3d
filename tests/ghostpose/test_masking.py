"""Hiding people: what a picture may show, by privacy mode."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostpose.masking import RecentPeople, body_area, head_area, head_px, masked, moved
from ghostpose.skeleton import KEYPOINTS, NUM_KEYPOINTS
from ghostpose.types import FrameId, Person, Placement, PoseMessage

STANDING = {
    "nose": (100, 58), "neck": (100, 80), "right_shoulder": (83, 80), "left_shoulder": (117, 80),
    "right_elbow": (78, 108), "left_elbow": (122, 108), "right_wrist": (76, 134),
    "left_wrist": (124, 134), "right_hip": (90, 140), "left_hip": (110, 140),
    "right_knee": (90, 182), "left_knee": (110, 182), "right_ankle": (90, 224),
    "left_ankle": (110, 224), "right_eye": (97, 54), "left_eye": (103, 54),
    "right_ear": (92, 56), "left_ear": (108, 56),
}  # fmt: skip
"""A person of 192 px with a head of about 25: chin at 66, crown at 41."""

HEAD = (88, 41, 112, 66)


def person_of(points: dict[str, tuple[float, float]], track: str | None = "lobby-1") -> Person:
    keypoints_k3 = np.zeros((NUM_KEYPOINTS, 3), np.float32)
    for name, point in points.items():
        keypoints_k3[KEYPOINTS.index(name)] = (*point, 0.9)
    found = np.array(list(points.values()), np.float32)
    left, top = found.min(axis=0)
    width, height = found.max(axis=0) - (left, top)
    return Person(0.9, (float(left), float(top), float(width), float(height)), keypoints_k3, track)


def without(*names: str) -> Person:
    return person_of({name: point for name, point in STANDING.items() if name not in names})


def noise(seed: int = 0, size: tuple[int, int] = (240, 200)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def detail(image_hw3: np.ndarray) -> float:
    """Return how much neighbouring pixels differ, on average."""
    rows = image_hw3.astype(float)
    return float(np.abs(np.diff(rows, axis=1)).mean())


FACE = ("nose", "right_eye", "left_eye", "right_ear", "left_ear")


@pytest.mark.parametrize(
    "person",
    [
        without(),
        without("right_eye", "left_eye"),
        without("right_eye", "right_ear", "right_shoulder"),
        without("nose", "left_eye", "right_eye", "left_ear"),
        without(*FACE),
        without(*FACE, "neck", "left_shoulder"),
        without(*(name for name in STANDING if name not in FACE)),
        without(*(name for name in STANDING if "eye" not in name)),
    ],
    ids=[
        "all found", "no eyes", "from the side", "one ear", "no face", "one shoulder",
        "the face alone", "the eyes alone",
    ],
)  # fmt: skip
def test_a_head_is_covered_whatever_of_it_was_found(person: Person) -> None:
    left, top, right, bottom = head_area(person)
    assert left <= HEAD[0]
    assert top <= HEAD[1]
    assert right >= HEAD[2]
    assert bottom >= HEAD[3] - (0 if any(person.keypoints_k3[[0, 14, 15, 16, 17], 2]) else 3)


@pytest.mark.parametrize(
    "person",
    [without(), without(*FACE), without("right_ankle", "left_ankle", "right_knee", "left_knee")],
    ids=["all found", "no face", "no legs"],
)
def test_a_body_is_covered_from_the_crown_to_the_feet(person: Person) -> None:
    left, top, right, bottom = body_area(person)
    assert (left <= 70, top <= 41, right >= 130, bottom >= 232) == (True,) * 4


def test_a_person_without_a_key_point_is_hidden_by_its_box() -> None:
    person = replace(without(), keypoints_k3=np.zeros((NUM_KEYPOINTS, 3), np.float32))
    assert body_area(person)[0] < 76
    assert head_area(person) == body_area(person)


@pytest.mark.parametrize(("mode", "area"), [("blur_faces", head_area), ("blur_bodies", body_area)])
def test_what_is_hidden_has_no_detail_and_the_rest_is_untouched(mode, area) -> None:
    image_hw3, person = noise(), without()
    shown_hw3 = masked(image_hw3, mode, [person], [person])
    left, top, right, bottom = (
        round(min(max(edge, 0), limit))
        for edge, limit in zip(area(person), (200, 240, 200, 240), strict=True)
    )
    inside_hw3 = shown_hw3[top + 1 : bottom - 1, left + 1 : right - 1]
    assert detail(inside_hw3) < 0.1 * detail(image_hw3)
    outside = np.ones(image_hw3.shape[:2], bool)
    outside[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1] = False
    np.testing.assert_array_equal(shown_hw3[outside], image_hw3[outside])


def test_a_face_becomes_a_handful_of_colours() -> None:
    image_hw3, person = noise(), without()
    left, top, right, bottom = HEAD
    face_hw3 = masked(image_hw3, "blur_faces", [], [person])[top:bottom, left:right]
    assert len(np.unique(face_hw3.reshape(-1, 3), axis=0)) <= 16


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 5))
def test_skeletons_on_black_hold_nothing_of_the_picture(one: int, other: int, seed: int) -> None:
    people = [samples.person(seed), without()]
    first_hw3 = masked(noise(one), "skeleton", people, people)
    np.testing.assert_array_equal(first_hw3, masked(noise(other), "skeleton", people, people))
    assert not masked(noise(one), "skeleton", [], people).any()


def test_a_picture_that_hides_nothing_is_the_picture() -> None:
    image_hw3 = noise()
    assert masked(image_hw3, "none", [without()], [without()]) is image_hw3


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(-1e4, 1e4, width=32)] * 2), min_size=18, max_size=18),
    st.sets(st.integers(0, 17)),
    st.sampled_from(["blur_faces", "blur_bodies"]),
)
def test_anybody_anywhere_is_hidden_with_every_key_point_that_counts(points, found, mode) -> None:
    keypoints_k3 = np.zeros((NUM_KEYPOINTS, 3), np.float32)
    for place in found:
        keypoints_k3[place] = (*points[place], 0.5)
    person = Person(0.5, (0.0, 0.0, 50.0, 100.0), keypoints_k3)
    image_hw3 = noise()
    shown_hw3 = masked(image_hw3, mode, [], [person])
    assert shown_hw3.shape == image_hw3.shape
    which = found & {0, 14, 15, 16, 17} if mode == "blur_faces" else found
    for x, y in (points[place] for place in which):
        row, column = round(y), round(x)
        patch = (slice(row - 1, row + 2), slice(column - 1, column + 2))
        if 2 <= row < 237 and 2 <= column < 197:
            assert detail(shown_hw3[patch]) < 0.7 * detail(image_hw3[patch]) + 12


def test_a_small_face_is_hidden_as_well() -> None:
    tiny = Placement(20.0, 20.0)
    (person,) = moved([without()], tiny)
    assert head_px(person) == pytest.approx(head_px(without()) / 20, abs=0.5)
    image_hw3 = noise(size=(12, 10))
    assert (masked(image_hw3, "blur_faces", [], [person]) != image_hw3).any()


def test_people_are_moved_into_the_picture_that_shows_them() -> None:
    placement = Placement(2.0, 4.0, left=10, top=20)
    (person,) = moved([without()], placement)
    back_k2 = placement.to_source(person.keypoints_k3[:, :2])
    np.testing.assert_allclose(back_k2, without().keypoints_k3[:, :2], atol=1e-3)
    (partial,) = moved([without("nose")], placement)
    assert not partial.keypoints_k3[0].any(), "a missing key point stays missing"


def message(seq: int, media_time: float, *people: Person, session: int = 1) -> PoseMessage:
    plain = samples.pose(FrameId("lobby", session, seq, seq + 1))
    return replace(plain, media_time=media_time, people=people)


def test_who_is_missed_for_a_moment_is_still_hidden_where_last_seen() -> None:
    a, b = person_of(STANDING, "lobby-1"), person_of(STANDING, "lobby-2")
    moved_b = person_of({k: (x + 9, y) for k, (x, y) in STANDING.items()}, "lobby-2")
    recent = RecentPeople(hold_s=2.0)
    messages = [message(0, 0.0, a, b), message(1, 1.0, moved_b), message(2, 2.5), message(3, 3.5)]
    for one in messages:
        recent.add(one)
    assert recent.around(messages[1]) == [moved_b, a]
    assert recent.around(messages[2]) == [moved_b], "the other was seen too long ago"
    assert recent.around(messages[3]) == []


def test_only_the_frames_own_session_counts() -> None:
    recent = RecentPeople()
    recent.add(message(0, 5.0, without()))
    recent.add(message(0, 0.1, session=2))
    assert recent.of(1, 0) is None
    assert recent.around(message(0, 0.1, session=2)) == []


def test_a_long_time_keeps_only_the_newest_messages() -> None:
    recent = RecentPeople(hold_s=1.0)
    for seq in range(1000):
        recent.add(message(seq, seq / 10))
    assert recent.of(1, 999) is not None
    assert recent.of(1, 900) is None
