"""All five steps: rendered people come back."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

import numpy as np
import pytest
from rendered_people import assert_same_people, crowd, render, standing

from ghostpose.errors import InvalidValueError
from ghostpose.skeleton import LIMBS, MIRROR
from ghostpose.types import Maps
from postprocess.grouping import GroupedPeople, GroupingOptions, MatchingMethod, group
from postprocess.grouping.assembly import assemble
from postprocess.grouping.matching import match
from postprocess.grouping.pair_scores import score_pairs
from postprocess.grouping.peaks import Peaks, find_peaks
from postprocess.grouping.people import select_people

OPTIONS = GroupingOptions()


def test_one_person_is_found_with_every_key_point() -> None:
    person = standing(180, 20, 300)[None]
    grouped = group(render(person, 368, 368), OPTIONS)
    assert_same_people(grouped, person, within_px=0.1)
    assert grouped.score_p[0] > 0.95
    assert grouped.capped == 0


def test_an_empty_picture_has_nobody() -> None:
    grouped = group(render(np.zeros((0, 18, 3), np.float32), 96, 128), OPTIONS)
    assert grouped.keypoints_pk3.shape == (0, 18, 3)


@pytest.mark.parametrize("matching", ["hungarian", "greedy"])
def test_a_hundred_people_are_found(matching: MatchingMethod) -> None:
    people = crowd(5, 20, height=100, pitch_x=60, pitch_y=115)
    maps = render(people, 600, 1240)
    grouped = group(maps, GroupingOptions(matching=matching))
    assert_same_people(grouped, people)
    assert grouped.capped == 0


def test_a_crowd_beyond_the_limit_is_capped_counted_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    people = crowd(2, 4, height=100, pitch_x=80, pitch_y=120)
    with caplog.at_level(logging.WARNING):
        grouped = group(render(people, 256, 336), GroupingOptions(max_peaks=5))
    assert grouped.capped == 18 * 3
    assert "Left out 54 peaks (limit 5 a key point)" in caplog.text


def crossing_arms() -> tuple[Maps, np.ndarray]:
    """Return the maps of two forearms: one ends where it passes the other person's elbow.

    Person 0's right forearm runs right; person 1's begins on it and runs down. Person 0's elbow and
    person 1's wrist are faint, so that the pair that is heaviest by itself is a wrong one.
    """
    people = np.zeros((2, 18, 3), np.float32)
    people[0, 2:5] = (43.5, 123.5, 1), (43.5, 43.5, 1), (163.5, 43.5, 1)
    people[1, 2:5] = (115.5, 123.5, 1), (115.5, 43.5, 1), (115.5, 99.5, 1)
    people[1, 2, :2] = 195.5, 83.5
    maps = render(people, 240, 240)
    strength_hw = np.ones(maps.pcm_chw.shape[1:], np.float32)
    strength_hw[:, :8] = 0.55
    maps.pcm_chw[3] *= strength_hw
    strength_hw = np.ones_like(strength_hw)
    strength_hw[9:] = 0.6
    maps.pcm_chw[4] *= strength_hw
    return maps, people


def test_of_two_people_whose_arms_cross_none_loses_a_hand_unless_matching_is_greedy() -> None:
    maps, people = crossing_arms()
    assert_same_people(group(maps, OPTIONS), people)
    greedy = group(maps, GroupingOptions(matching="greedy"))
    hands = [person for person in greedy.keypoints_pk3 if person[3, 2] > 0 and person[4, 2] > 0]
    assert len(hands) == 1


def test_two_people_one_behind_the_other_share_no_key_point() -> None:
    people = np.stack([standing(150, 20, 300), standing(166, 28, 300)])
    grouped = group(render(people, 368, 368), OPTIONS)
    assert len(grouped.keypoints_pk3) >= 2
    for k in range(18):
        places = [tuple(p[k, :2].tolist()) for p in grouped.keypoints_pk3 if p[k, 2] > 0]
        assert len(places) == len(set(places))


def test_a_person_who_points_at_the_camera_has_a_limb_of_no_length() -> None:
    person = standing(180, 20, 300)
    person[4, :2] = person[3, :2]  # the wrist right before the elbow
    maps = render(person[None], 368, 368)
    x, y = (person[3, :2] - 3.5) / 8
    maps.paf_chw[16, round(float(y)), round(float(x))] = 0.9
    assert_same_people(group(maps, OPTIONS), person[None])


def test_a_mirrored_picture_gives_mirrored_people() -> None:
    people = np.stack([standing(70, 20, 200), standing(150, 25, 210), standing(240, 8, 190)])
    people[1, 8:14, 2] = 0
    width = 320
    mirrored = people[:, MIRROR].copy()
    mirrored[..., 0] = width - 1 - mirrored[..., 0]
    assert_same_people(group(render(mirrored, 240, width), OPTIONS), mirrored, within_px=0.5)
    assert_same_people(group(render(people, 240, width), OPTIONS), people, within_px=0.5)


def run_with_order(maps: Maps, peaks: Peaks) -> GroupedPeople:
    pairs = score_pairs(peaks, maps.paf_chw, OPTIONS)
    assembly = assemble(peaks, pairs, match(pairs, "hungarian"), min_keypoints=3)
    return select_people(peaks, assembly, min_mean_score=0.2, min_score=0.2)


def test_the_order_of_candidates_changes_nothing() -> None:
    people = np.stack([standing(150, 20, 300), standing(172, 30, 290), standing(190, 24, 310)])
    maps = render(people, 368, 368)
    noise = np.random.default_rng(1).normal(0, 0.02, maps.paf_chw.shape).astype(np.float32)
    maps = replace(maps, paf_chw=maps.paf_chw + noise)
    peaks = find_peaks(maps.pcm_chw, threshold=0.05, max_peaks=100)
    wanted = run_with_order(maps, peaks)
    rng = np.random.default_rng(2)
    for _ in range(10):
        order_n = np.lexsort((rng.random(len(peaks.score_n)), peaks.keypoint_n))
        shuffled = Peaks(peaks.first_c, peaks.xy_n2[order_n], peaks.score_n[order_n])
        got = run_with_order(maps, shuffled)
        order_p = [
            int(np.abs(got.keypoints_pk3 - person_k3).sum(axis=(1, 2)).argmin())
            for person_k3 in wanted.keypoints_pk3
        ]
        np.testing.assert_array_equal(got.keypoints_pk3[order_p], wanted.keypoints_pk3)
        np.testing.assert_allclose(got.score_p[order_p], wanted.score_p, atol=1e-6)


def test_the_fields_offset_of_distilled_weights_is_undone() -> None:
    people = crowd(2, 3, height=130, pitch_x=110, pitch_y=150)
    maps = render(people, 320, 352, offset_cells=0.4375)
    grouped = group(maps, OPTIONS)
    assert_same_people(grouped, people)
    ignored = group(replace(maps, paf_offset_cells=0.0), OPTIONS)
    assert grouped.score_p.mean() > ignored.score_p.mean() + 0.02


def test_maps_are_left_as_they_were_and_may_be_read_only() -> None:
    maps = render(standing(90, 10, 150)[None], 168, 184)
    writable = group(maps, OPTIONS)
    maps.pcm_chw.flags.writeable = maps.paf_chw.flags.writeable = False
    np.testing.assert_array_equal(group(maps, OPTIONS).keypoints_pk3, writable.keypoints_pk3)


def test_strided_maps_are_grouped_as_contiguous_ones() -> None:
    maps = render(standing(90, 10, 150)[None], 168, 184)
    strided = Maps(np.asfortranarray(maps.pcm_chw), np.ascontiguousarray(maps.paf_chw[::-1])[::-1])
    np.testing.assert_array_equal(
        group(strided, OPTIONS).keypoints_pk3, group(maps, OPTIONS).keypoints_pk3
    )


def test_large_maps_full_of_noise_end_soon() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(-1, 1, (57, 300, 500)).astype(np.float32)
    group(Maps(values[:19, :8, :8].copy(), values[19:, :8, :8].copy()), OPTIONS)  # compiled
    started = time.perf_counter()
    grouped = group(Maps(values[:19], values[19:]), OPTIONS)
    assert time.perf_counter() - started < 20
    assert grouped.capped > 0
    assert np.isfinite(grouped.keypoints_pk3).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"peak_threshold": -0.1},
        {"peak_threshold": float("nan")},
        {"max_peaks": 0},
        {"limb_samples": 1},
        {"sample_threshold": 2},
        {"min_agreement": 0},
        {"free_length": 0},
        {"matching": "best"},
        {"min_keypoints": 19},
        {"min_mean_score": 1.5},
        {"min_score": -1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_option_out_of_range_is_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidValueError, match=next(iter(wrong))):
        GroupingOptions(**wrong)


@pytest.mark.parametrize(
    ("options", "people"),
    [
        (GroupingOptions(min_keypoints=7), 1),
        (GroupingOptions(min_keypoints=6), 2),
        (GroupingOptions(peak_threshold=0.7), 1),
        (GroupingOptions(min_mean_score=0.7), 1),
        (GroupingOptions(min_score=0.8), 1),
    ],
    ids=[
        "too few key points",
        "enough key points",
        "too weak peaks",
        "too low a mean",
        "too little of a body",
    ],
)
def test_each_limit_drops_the_lesser_person(options: GroupingOptions, people: int) -> None:
    both = np.stack([standing(80, 20, 250), standing(250, 20, 250)])
    both[1, 8:, 2] = 0
    both[1, (6, 7), 2] = 0  # six key points are left
    maps = render(both, 288, 344)
    maps.pcm_chw[:18, :, 20:] *= 0.6
    assert len(group(maps, options).score_p) == people


def test_every_limb_of_the_skeleton_takes_part() -> None:
    """Without its own field a limb of the tree can't be, and the body falls apart there."""
    person = standing(180, 20, 300)[None]
    for number, limb in enumerate(LIMBS[:17]):
        maps = render(person, 368, 368)
        maps.paf_chw[[limb.paf_x, limb.paf_y]] = 0
        for extra in LIMBS[17:]:
            maps.paf_chw[[extra.paf_x, extra.paf_y]] = 0
        grouped = group(maps, GroupingOptions(min_keypoints=1, min_score=0))
        assert len(grouped.score_p) == 2, f"limb {number}"
