"""Targets of known people, and the way back: key points -> targets -> grouping -> key points."""

from __future__ import annotations

import numpy as np
import pytest

from ghostpose.errors import InvalidValueError
from ghostpose.network.targets import add_necks, paf_targets, pcm_targets
from ghostpose.skeleton import BACKGROUND_CHANNEL, LIMBS, NUM_KEYPOINTS
from ghostpose.types import Maps
from postprocess.grouping import GroupingOptions, group

HEIGHT, WIDTH = 368, 496

STANDING = np.array(
    # nose, neck, right shoulder, elbow, wrist, left the same, right hip, knee, ankle, left the
    # same, right eye, left eye, right ear, left ear; of a person one unit tall
    [
        (0.00, 0.10), (0.00, 0.20), (-0.12, 0.20), (-0.16, 0.36), (-0.18, 0.50),
        (0.12, 0.20), (0.16, 0.36), (0.18, 0.50), (-0.07, 0.52), (-0.08, 0.74), (-0.08, 0.96),
        (0.07, 0.52), (0.08, 0.74), (0.08, 0.96),
        (-0.03, 0.07), (0.03, 0.07), (-0.06, 0.09), (0.06, 0.09),
    ]
)  # fmt: skip


def person_at(x: float, y: float, tall: float) -> np.ndarray:
    xy_k2 = STANDING * tall + (x, y)
    return np.concatenate([xy_k2, np.ones((NUM_KEYPOINTS, 1))], axis=1).astype(np.float32)


def test_a_key_point_on_a_cell_centre_peaks_there_with_one() -> None:
    keypoints_pk3 = np.zeros((1, NUM_KEYPOINTS, 3), np.float32)
    keypoints_pk3[0, 4] = (8 * 5 + 3.5, 8 * 3 + 3.5, 1)
    pcm_chw = pcm_targets(keypoints_pk3, 64, 96)
    assert pcm_chw.shape == (19, 8, 12)
    assert pcm_chw[4, 3, 5] == pytest.approx(1)
    assert pcm_chw[4, 3, 6] == pytest.approx(np.exp(-(8**2) / (2 * 7**2)))
    assert pcm_chw[BACKGROUND_CHANNEL, 3, 5] == pytest.approx(0)
    assert not pcm_chw[[k for k in range(18) if k != 4]].any()


def test_two_near_people_do_not_add_up_in_a_confidence_map() -> None:
    near_pk3 = np.stack([person_at(200, 20, 300), person_at(204, 20, 300)])
    assert pcm_targets(near_pk3, HEIGHT, WIDTH).max() <= 1


def test_a_field_is_a_unit_vector_along_its_limb_and_nothing_far_from_it() -> None:
    keypoints_pk3 = np.zeros((1, NUM_KEYPOINTS, 3), np.float32)
    keypoints_pk3[0, 2] = (3.5 + 16, 3.5 + 32, 1)
    keypoints_pk3[0, 3] = (3.5 + 16 + 30, 3.5 + 32 + 40, 1)
    limb = LIMBS[2]
    paf_chw = paf_targets(keypoints_pk3, 128, 128)
    assert paf_chw[[limb.paf_x, limb.paf_y], 4, 2] == pytest.approx([0.6, 0.8])
    length_hw = np.hypot(paf_chw[limb.paf_x], paf_chw[limb.paf_y])
    assert set(np.unique(length_hw.round(5))) == {0, 1}
    assert length_hw[4, 8] == 0


def test_overlapping_limbs_of_a_kind_are_averaged() -> None:
    crossing_pk3 = np.zeros((2, NUM_KEYPOINTS, 3), np.float32)
    crossing_pk3[0, [2, 3]] = (3.5, 35.5, 1), (67.5, 35.5, 1)
    crossing_pk3[1, [2, 3]] = (35.5, 3.5, 1), (35.5, 67.5, 1)
    limb = LIMBS[2]
    paf_chw = paf_targets(crossing_pk3, 128, 128)
    assert paf_chw[[limb.paf_x, limb.paf_y], 4, 4] == pytest.approx([0.5, 0.5])


def test_a_limb_of_no_length_has_no_field() -> None:
    keypoints_pk3 = np.zeros((1, NUM_KEYPOINTS, 3), np.float32)
    keypoints_pk3[0, [2, 3]] = (40, 40, 1)
    assert not paf_targets(keypoints_pk3, 64, 64).any()


def test_an_unlabelled_end_leaves_a_limb_out() -> None:
    keypoints_pk3 = np.zeros((1, NUM_KEYPOINTS, 3), np.float32)
    keypoints_pk3[0, 2] = (40, 40, 1)
    assert not paf_targets(keypoints_pk3, 64, 64).any()


def test_the_offset_moves_fields_as_far_as_moving_the_people_does() -> None:
    person_1k3 = person_at(200, 20, 300)[None]
    moved_1k3 = person_1k3 + np.array([4, 4, 0], np.float32)
    by_offset = paf_targets(person_1k3, HEIGHT, WIDTH, offset_cells=0.5)
    np.testing.assert_allclose(by_offset, paf_targets(moved_1k3, HEIGHT, WIDTH), atol=1e-5)


def test_a_neck_is_the_middle_of_two_labelled_shoulders_only() -> None:
    people_pk3 = np.zeros((2, NUM_KEYPOINTS, 3), np.float32)
    people_pk3[0, [2, 5]] = (10, 20, 1), (30, 40, 1)
    people_pk3[1, 2] = (10, 20, 1)
    necks_p3 = add_necks(people_pk3)[:, 1]
    np.testing.assert_array_equal(necks_p3, [(20, 30, 1), (0, 0, 0)])


@pytest.mark.parametrize(
    ("shape", "height"), [((1, 17, 3), 64), ((18, 3), 64), ((1, 18, 3), 60), ((1, 18, 3), 0)]
)
def test_a_wrong_shape_or_size_is_one_sentence(shape: tuple[int, ...], height: int) -> None:
    with pytest.raises(InvalidValueError, match="targets:"):
        pcm_targets(np.zeros(shape, np.float32), height, 64)


@pytest.mark.parametrize("offset", [0.0, 0.4375])
def test_people_survive_the_way_through_targets_and_grouping(offset: float) -> None:
    people_pk3 = np.stack(
        [person_at(90, 20, 300), person_at(210, 60, 250), person_at(400, 10, 330)]
    )
    maps = Maps(
        pcm_targets(people_pk3, HEIGHT, WIDTH),
        paf_targets(people_pk3, HEIGHT, WIDTH, offset_cells=offset),
        offset,
    )
    found_pk3 = group(maps, GroupingOptions()).keypoints_pk3
    assert len(found_pk3) == 3
    for person_k3 in people_pk3:
        nearest_k3 = min(found_pk3, key=lambda f_k3: abs(f_k3[1, 0] - person_k3[1, 0]))
        error_k = np.linalg.norm(nearest_k3[:, :2] - person_k3[:, :2], axis=1)
        # eyes are closer to each other than a peak is wide: only the body is exact
        assert error_k[:14].max() < 1.5
        assert (nearest_k3[:, 2] > 0).all()
