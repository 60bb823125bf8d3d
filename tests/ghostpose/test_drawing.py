"""Skeletons drawn into pictures, and sheets of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ghostpose.drawing import contact_sheet, draw_people, track_colour
from ghostpose.errors import InvalidValueError
from ghostpose.types import Person

if TYPE_CHECKING:
    from ghostpose.types import ByteArray


def flat(value: int, height: int = 300, width: int = 400) -> ByteArray:
    return np.full((height, width, 3), value, np.uint8)


def arm(track: str | None = None, shift: float = 0, size: float = 1, score: float = 0.9) -> Person:
    """Return a person of whom a right arm is seen."""
    keypoints_k3 = np.zeros((18, 3), np.float32)
    points = np.array([(100, 80), (160, 140), (220, 90)]) * size + (shift, 0)
    keypoints_k3[2:5] = np.column_stack([points, [1, 1, 1]])
    left, top = points.min(axis=0).tolist()
    width, height = np.ptp(points, axis=0).tolist()
    return Person(score, (left, top, width, height), keypoints_k3, track)


def changed(image_hw3: ByteArray, background: int) -> np.ndarray:
    return (image_hw3 != background).any(axis=2)


@pytest.mark.parametrize("background", [0, 128, 255], ids=["black", "grey", "white"])
def test_limbs_stand_out_on_any_background(background: int) -> None:
    drawn = draw_people(flat(background), [arm()], labels=False)
    on_limb = drawn[110, 130].astype(int)  # halfway from shoulder to elbow
    assert np.abs(on_limb - background).max() > 100
    across = drawn[105:116, 130].astype(int)
    assert np.ptp(across.sum(axis=1)) > 150  # a dark outline around a bright line


def test_nothing_is_drawn_away_from_the_person() -> None:
    where_hw = changed(draw_people(flat(90), [arm()]), 90)
    rows, columns = np.nonzero(where_hw)
    assert rows.min() > 50
    assert rows.max() < 150
    assert columns.min() > 90
    assert columns.max() < 230
    assert not where_hw[80, 155]  # between shoulder and wrist: no limb joins them


def test_the_given_picture_is_left_as_it_was_and_may_be_read_only_or_a_view() -> None:
    image_hw3 = flat(90)
    image_hw3.flags.writeable = False
    drawn = draw_people(image_hw3, [arm()])
    assert (image_hw3 == 90).all()
    assert drawn.shape == image_hw3.shape
    assert changed(draw_people(flat(90, 600, 800)[::2, ::2], [arm()]), 90).any()


def test_nobody_changes_nothing() -> None:
    assert (draw_people(flat(90), []) == 90).all()


def test_missing_key_points_are_not_drawn() -> None:
    person = arm()
    person.keypoints_k3[4] = 0
    drawn = draw_people(flat(90), [person], labels=False)
    assert not changed(drawn, 90)[:75].any()
    assert not changed(drawn, 90)[:, 175:].any()


def test_people_partly_or_wholly_outside_the_picture_are_no_trouble() -> None:
    draw_people(flat(90), [arm(shift=-150), arm(shift=350), arm(shift=-5000), arm(shift=5000)])


def test_a_tracks_colour_is_the_same_all_over_and_in_every_picture() -> None:
    first = draw_people(flat(90), [arm("lobby-1")], labels=False)
    second = draw_people(flat(30), [arm("lobby-1", shift=50)], labels=False)
    assert tuple(first[110, 130].tolist()) == track_colour("lobby-1")
    assert tuple(second[110, 130 + 50].tolist()) == track_colour("lobby-1")


def test_neighbouring_tracks_have_unlike_colours() -> None:
    colours = np.array([track_colour(f"lobby-{n}") for n in range(1, 6)], int)
    gaps = np.abs(colours[:, None] - colours[None]).sum(axis=2) + 999 * np.eye(5, dtype=int)
    assert gaps.min() > 80
    assert track_colour("no number at all") == track_colour("no number at all")


def test_lines_grow_with_the_picture() -> None:
    small = changed(draw_people(flat(90), [arm()], labels=False), 90).sum()
    large = draw_people(flat(90, 1800, 2400), [arm(size=6)], labels=False)
    assert changed(large, 90).sum() > 3 * 6 * small / 2


def test_small_people_in_a_large_picture_do_not_vanish_under_their_lines() -> None:
    drawn = draw_people(flat(90, 1800, 2400), [arm(size=0.25)], labels=False)
    assert changed(drawn, 90).sum() < 30 * 20


@pytest.mark.parametrize("person", [arm("lobby-7"), arm(None)], ids=["track", "score"])
def test_labels_are_written_above_unless_not_wanted(person: Person) -> None:
    plain = draw_people(flat(90), [person], labels=False)
    labelled = draw_people(flat(90), [person])
    differs = np.nonzero((plain != labelled).any(axis=2))
    assert len(differs[0]) > 20
    assert differs[0].max() <= 82


def test_labels_at_the_edge_stay_in_the_picture() -> None:
    person = arm("lobby-7", shift=-100)
    above = Person(0.5, (-80.0, -40.0, 120.0, 60.0), person.keypoints_k3, "lobby-7")
    drawn = draw_people(flat(90), [above])
    assert changed(drawn, 90)[:20, :60].any()


def test_a_sheet_has_every_picture_in_its_cell() -> None:
    images = [flat(40 * n + 40) for n in range(5)]
    sheet = contact_sheet(
        images, columns=2, captions=[f"frame {n}" for n in range(5)], cell_width=200
    )
    height = sheet.shape[0] // 3
    assert sheet.shape[1] == 400
    for n in range(5):
        assert sheet[n // 2 * height + 75, n % 2 * 200 + 100].tolist() == [40 * n + 40] * 3
    strip = sheet[150:height, :200]
    assert (strip > 200).any()  # the caption


def test_pictures_of_another_shape_are_fitted_into_the_cell() -> None:
    sheet = contact_sheet([flat(50), flat(200, 400, 100)], columns=3, cell_width=200)
    assert sheet.shape[1] == 400
    assert sheet[75, 300].tolist() == [200] * 3
    assert sheet[75, 205].tolist() != [200] * 3


def test_long_captions_are_shrunk_to_the_cell() -> None:
    sheet = contact_sheet(
        [flat(50)], columns=1, captions=["a very long caption " * 9], cell_width=200
    )
    assert sheet.shape[1] == 200
    assert not (sheet[150:, 198:] > 200).any()


@pytest.mark.parametrize(
    ("images", "columns", "captions"),
    [([], 2, []), ([flat(1)], 0, []), ([flat(1), flat(2)], 2, ["only one"])],
    ids=["no picture", "no column", "too few captions"],
)
def test_a_sheet_of_nonsense_is_refused(
    images: list[ByteArray], columns: int, captions: list[str]
) -> None:
    with pytest.raises(InvalidValueError, match="contact sheet"):
        contact_sheet(images, columns=columns, captions=captions)
