"""Step 5: which assemblies are people, and where in the source picture."""

from __future__ import annotations

import numpy as np
import pytest

from ghostpose.errors import InvalidValueError
from ghostpose.types import MAX_PEOPLE, Placement
from postprocess.grouping import GroupedPeople, to_people
from postprocess.grouping.assembly import Assembly
from postprocess.grouping.peaks import Peaks
from postprocess.grouping.people import select_people


def bodies(
    scores: list[float], affinities: list[float], limbs: list[int]
) -> tuple[Peaks, Assembly]:
    """Return people with all key points, person p's of one score, at cell (p, k)."""
    people = len(scores)
    first_c = np.arange(19, dtype=np.int32) * people
    k, p = np.divmod(np.arange(18 * people), people)
    peaks = Peaks(
        first_c,
        np.stack([p, k], axis=1).astype(np.float32),
        np.array(scores, np.float32)[p],
    )
    peak_pk = np.arange(18 * people, dtype=np.int32).reshape(18, people).T
    return peaks, Assembly(peak_pk, np.array(limbs), np.array(affinities, np.float32))


def grouped_of(*points: tuple[float, float, float], people: int = 1) -> GroupedPeople:
    """Return people who have these key points, the first ones, and no others."""
    keypoints_pk3 = np.zeros((people, 18, 3), np.float32)
    for k, point in enumerate(points):
        keypoints_pk3[:, k] = point
    return GroupedPeople(keypoints_pk3, np.full(people, 0.5, np.float32))


def test_key_points_are_in_input_pixels_of_their_cells() -> None:
    people = select_people(*bodies([0.8], [0.7], [19]), min_mean_score=0.2, min_score=0)
    np.testing.assert_allclose(people.keypoints_pk3[0, 5], (3.5, 8 * 5 + 3.5, 0.8))
    assert people.capped == 0


def test_missing_key_points_are_zero() -> None:
    peaks, assembly = bodies([0.8], [0.7], [5])
    assembly.peak_pk[0, 3:] = -1
    people = select_people(peaks, assembly, min_mean_score=0.2, min_score=0)
    assert not people.keypoints_pk3[0, 3:].any()
    assert people.keypoints_pk3[0, :3].all()


def test_people_of_low_mean_score_are_dropped() -> None:
    people = select_people(
        *bodies([0.8, 0.15], [0.7, 0.9], [19, 19]), min_mean_score=0.2, min_score=0
    )
    np.testing.assert_allclose(people.keypoints_pk3[:, 0, 2], [0.8])


def test_people_of_low_own_score_are_dropped() -> None:
    people = select_people(
        *bodies([0.5, 0.6], [0.1, 0.9], [19, 19]), min_mean_score=0.2, min_score=0.2
    )
    np.testing.assert_allclose(people.keypoints_pk3[:, 0, 2], [0.6])


def test_the_strongest_person_comes_first() -> None:
    people = select_people(
        *bodies([0.5, 0.6, 0.7], [0.2, 0.9, 0.5], [19] * 3), min_mean_score=0, min_score=0
    )
    np.testing.assert_allclose(people.keypoints_pk3[:, 0, 2], [0.6, 0.7, 0.5])
    np.testing.assert_allclose(people.score_p, [0.9, 0.5, 0.2])


def test_a_clear_half_body_scores_above_a_faint_whole_one() -> None:
    people = select_people(*bodies([0.5, 0.5], [0.9, 0.3], [8, 19]), min_mean_score=0, min_score=0)
    assert people.score_p[0] > 0.6
    assert people.score_p[1] == pytest.approx(0.3)


def test_more_of_the_same_body_scores_higher() -> None:
    people = select_people(*bodies([0.5, 0.5], [0.8, 0.8], [19, 9]), min_mean_score=0, min_score=0)
    assert people.score_p[0] == pytest.approx(0.8)
    assert 0.5 < people.score_p[1] < 0.8


def test_people_over_the_messages_limit_are_counted_and_the_weakest() -> None:
    count = MAX_PEOPLE + 7
    affinities = np.linspace(0.1, 0.9, count).tolist()
    people = select_people(
        *bodies([0.5] * count, affinities, [19] * count), min_mean_score=0, min_score=0
    )
    assert len(people.score_p) == MAX_PEOPLE
    assert people.capped == 7
    assert people.score_p.min() == pytest.approx(affinities[7])


def test_grouped_people_of_wrong_shape_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="wanted shapes"):
        GroupedPeople(np.zeros((2, 17, 3), np.float32), np.zeros(2, np.float32))


def test_people_are_placed_in_the_source_picture() -> None:
    placement = Placement(2.0, 1.5, left=100.0, top=40.0)
    (person,) = to_people(grouped_of((10, 20, 0.5), (30, 50, 0.25)), placement, 1000, 800)
    np.testing.assert_allclose(
        person.keypoints_k3[0], ((10.5 * 2 - 0.5) + 100, 20.5 * 1.5 - 0.5 + 40, 0.5)
    )
    np.testing.assert_allclose(
        person.keypoints_k3[1, :2], placement.to_source(np.float32([30, 50]))
    )
    assert not person.keypoints_k3[2:].any()
    left, top, width, height = person.box
    assert left < person.keypoints_k3[0, 0] < person.keypoints_k3[1, 0] < left + width
    assert top < person.keypoints_k3[0, 1] < person.keypoints_k3[1, 1] < top + height
    assert person.score == pytest.approx(0.5)
    assert person.track is None


def test_key_points_that_straddle_the_edge_are_moved_onto_it() -> None:
    grouped = grouped_of((-3, 5, 0.5), (66, 50, 0.5))
    (person,) = to_people(grouped, Placement(1, 1), 64, 48)
    np.testing.assert_allclose(person.keypoints_k3[:2, :2], [(0, 5), (63, 47)])


def test_key_points_in_padding_are_dropped_and_people_of_nothing_else() -> None:
    placement = Placement(0.5, 0.5)
    grouped = grouped_of((100, 60, 0.5), (160, 60, 0.5), (100, 200, 0.5))
    (person,) = to_people(grouped, placement, 64, 48)
    assert (person.keypoints_k3[:, 2] > 0).tolist() == [True, *[False] * 17]
    assert to_people(grouped, placement, 64, 48, min_keypoints=2) == ()
    assert to_people(grouped_of((160, 60, 0.5)), placement, 64, 48) == ()


def test_nobody_is_an_empty_tuple() -> None:
    assert to_people(grouped_of(people=0), Placement(1, 1), 64, 48) == ()
