"""Step 2: what the affinity fields say about pairs."""

from __future__ import annotations

import numpy as np
import pytest
from rendered_people import crowd, render, standing

from ghostpose.skeleton import LIMBS, PAF_CHANNELS
from postprocess.grouping import GroupingOptions
from postprocess.grouping.pair_scores import Pairs, score_pairs
from postprocess.grouping.peaks import Peaks, find_peaks

ARM = LIMBS.index((3, 4, 16, 17))  # right elbow to right wrist


def arm_peaks(elbows: list[tuple[float, float]], wrists: list[tuple[float, float]]) -> Peaks:
    """Return candidates, in cells, for the two ends of a forearm."""
    first_c = np.zeros(19, np.int32)
    first_c[4] = len(elbows)
    first_c[5:] = len(elbows) + len(wrists)
    xy_n2 = np.array(elbows + wrists, np.float32)
    return Peaks(first_c, xy_n2, np.ones(len(xy_n2), np.float32))


def field(x: float, y: float, height: int = 20, width: int = 20) -> np.ndarray:
    """Return fields that are the same everywhere for a forearm, 0 for all else."""
    paf_chw = np.zeros((PAF_CHANNELS, height, width), np.float32)
    paf_chw[16], paf_chw[17] = x, y
    return paf_chw


def only_affinity(pairs: Pairs) -> float:
    assert len(pairs.affinity_m) == 1
    assert pairs.first_l.tolist() == [0] * (ARM + 1) + [1] * (19 - ARM)
    return float(pairs.affinity_m[0])


@pytest.mark.parametrize(
    ("vector", "affinity"),
    [((1.0, 0.0), 1.0), ((0.6, 0.8), 0.6), ((0.5, 0.0), 0.5)],
    ids=["along the limb", "askew", "weak"],
)
def test_affinity_is_the_mean_component_along_the_limb(
    vector: tuple[float, float], affinity: float
) -> None:
    pairs = score_pairs(arm_peaks([(4, 5)], [(12, 5)]), field(*vector), GroupingOptions())
    assert only_affinity(pairs) == pytest.approx(affinity, abs=1e-5)


@pytest.mark.parametrize("vector", [(-1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
def test_a_field_the_other_way_or_across_or_none_makes_no_pair(
    vector: tuple[float, float],
) -> None:
    pairs = score_pairs(arm_peaks([(4, 5)], [(12, 5)]), field(*vector), GroupingOptions())
    assert len(pairs.affinity_m) == 0


def test_too_few_agreeing_samples_make_no_pair() -> None:
    paf_chw = field(1, 0)
    paf_chw[:, :, 8:] = 0  # half of the limb has no field
    peaks = arm_peaks([(4, 5)], [(12, 5)])
    assert len(score_pairs(peaks, paf_chw, GroupingOptions(min_agreement=0.8)).start_m) == 0
    assert len(score_pairs(peaks, paf_chw, GroupingOptions(min_agreement=0.4)).start_m) == 1


@pytest.mark.filterwarnings("error")
def test_a_limb_of_no_length_takes_the_fields_magnitude() -> None:
    pairs = score_pairs(arm_peaks([(5, 5)], [(5, 5)]), field(0.3, -0.4), GroupingOptions())
    assert only_affinity(pairs) == pytest.approx(0.5, abs=1e-5)


def test_limbs_long_for_the_picture_lose_score() -> None:
    peaks = arm_peaks([(1, 5)], [(17, 5)])
    pairs = score_pairs(peaks, field(1, 0), GroupingOptions(free_length=0.5))
    assert only_affinity(pairs) == pytest.approx(1 - (1 - 10 / 16), abs=1e-5)
    pairs = score_pairs(peaks, field(1, 0), GroupingOptions(free_length=0.8))
    assert only_affinity(pairs) == pytest.approx(1, abs=1e-5)


def test_the_offset_of_the_fields_is_added_where_they_are_read() -> None:
    person = standing(100, 20, 180)[None]
    shifted = render(person, 208, 208, offset_cells=1.5)
    peaks = find_peaks(shifted.pcm_chw, threshold=0.1, max_peaks=10)
    with_offset = score_pairs(peaks, shifted.paf_chw, GroupingOptions(), offset_cells=1.5)
    without = score_pairs(peaks, shifted.paf_chw, GroupingOptions())
    assert len(with_offset.start_m) == len(LIMBS)
    assert with_offset.affinity_m.min() > 0.95
    assert len(without.start_m) < len(LIMBS)


def test_samples_beyond_the_border_read_the_border() -> None:
    pairs = score_pairs(
        arm_peaks([(17, 19.4)], [(19.4, 19.4)]), field(1, 0), GroupingOptions(), offset_cells=3
    )
    assert only_affinity(pairs) == pytest.approx(1, abs=1e-5)


def test_weak_candidates_weigh_less() -> None:
    peaks = arm_peaks([(4, 5)], [(12, 5)])
    peaks.score_n[:] = 0.5, 0.8
    pairs = score_pairs(peaks, field(1, 0), GroupingOptions())
    assert pairs.weight_m[0] == pytest.approx(0.4, abs=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_fields_that_are_no_numbers_are_no_evidence(bad: float) -> None:
    peaks = arm_peaks([(4, 5)], [(12, 5)])
    assert np.isfinite(score_pairs(peaks, field(bad, bad), GroupingOptions()).affinity_m).all()
    paf_chw = field(1, 0)
    paf_chw[16, 5, 8] = bad
    affinity_m = score_pairs(peaks, paf_chw, GroupingOptions(min_agreement=0.5)).affinity_m
    assert len(affinity_m) == 1
    assert 0 < affinity_m[0] <= 1


def test_every_limb_of_a_crowd_is_a_pair() -> None:
    people = crowd(4, 5, height=90, pitch_x=90, pitch_y=110)
    maps = render(people, 448, 480)
    peaks = find_peaks(maps.pcm_chw, threshold=0.1, max_peaks=100)
    assert len(peaks.score_n) == 20 * 18
    pairs = score_pairs(peaks, maps.paf_chw, GroupingOptions())
    assert np.diff(pairs.first_l).min() >= 20
    ends = {(m, n) for m, n in zip(pairs.start_m.tolist(), pairs.end_m.tolist(), strict=True)}
    assert len(ends) == len(pairs.start_m)
