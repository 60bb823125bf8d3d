"""HOTA, IDF1 and MOTA: simple cases by hand, and a tangled one against TrackEval's numbers."""

from __future__ import annotations

import numpy as np
import pytest

from app.track_evaluation.scores import JudgedFrame, score


def frame(truth: list[int], tracks: list[int], iou: list[list[float]] | None = None) -> JudgedFrame:
    overlap = np.eye(len(truth), len(tracks)) if iou is None else np.array(iou, np.float64)
    shape = (len(truth), len(tracks))
    return JudgedFrame(np.array(truth, np.intp), np.array(tracks, np.intp), overlap.reshape(shape))


def test_perfect_tracks_score_one() -> None:
    scores = score([frame([0, 1], [1, 0])] * 10)
    assert scores.hota == scores.idf1 == scores.mota == scores.recall == scores.precision == 1.0
    assert (scores.id_switches, scores.people, scores.tracks) == (0, 2, 2)


def test_a_track_that_changes_its_number_half_way_is_one_switch_and_half_right() -> None:
    scores = score([frame([0], [0])] * 10 + [frame([0], [1])] * 10)
    assert scores.id_switches == 1
    assert scores.idf1 == pytest.approx(0.5)
    assert scores.mota == pytest.approx(0.95)
    assert scores.ass_a == pytest.approx(0.5)
    assert scores.hota == pytest.approx(np.sqrt(0.5))


def test_who_was_away_and_comes_back_under_another_number_is_a_switch() -> None:
    frames = [frame([0], [0]), frame([], [0], []), frame([0], []), frame([0], [1])]
    assert score(frames).id_switches == 1


def test_nothing_found_is_all_missed_and_nothing_true_is_all_false() -> None:
    missed = score([frame([0, 1], [])] * 3)
    assert (missed.misses, missed.hota, missed.idf1, missed.mota) == (6, 0, 0, 0)
    false = score([frame([], [0])] * 3)
    assert (false.false_positives, false.hota, false.idf1, false.mota) == (3, 0, 0, -3)
    assert score([]).hota == 0


def test_a_box_that_overlaps_by_half_counts_and_by_less_does_not() -> None:
    assert score([frame([0], [0], [[0.5]])]).mota == 1
    assert score([frame([0], [0], [[0.499]])]).mota == -1


def tangled(seed: int) -> list[JudgedFrame]:
    """Return sixty frames in which six people and eight tracks come, go and overlap at random."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(60):
        truth, tracks = np.flatnonzero(rng.random(6) < 0.7), np.flatnonzero(rng.random(8) < 0.6)
        iou = rng.random((len(truth), len(tracks))) ** 1.5
        near = (truth[:, None] == tracks[None, :]) | (rng.random(iou.shape) < 0.2)
        frames.append(JudgedFrame(truth, tracks, np.round(iou * near, 2)))
    return frames


TRACKEVAL = {
    1: (
        (0.178805236708, 0.193694293262, 0.165607459246, 0.241877256318, -0.620155038760),
        (66, 157, 195),
    ),
    2: (
        (0.164801970479, 0.196473292284, 0.138474073520, 0.229755178908, -0.636363636364),
        (67, 141, 188),
    ),
    3: (
        (0.162333499847, 0.201763399858, 0.130755175895, 0.223034734918, -0.666666666667),
        (66, 150, 199),
    ),
}
"""Seed of `tangled` -> HOTA, DetA, AssA, IDF1, MOTA and id switches, misses, false positives."""


@pytest.mark.parametrize("seed", TRACKEVAL)
def test_a_tangled_sequence_scores_as_trackeval_1_3_0_scores_it(seed: int) -> None:
    found = score(tangled(seed))
    names = ("hota", "det_a", "ass_a", "idf1", "mota")
    counts = (found.id_switches, found.misses, found.false_positives)
    shares, wanted_counts = TRACKEVAL[seed]
    assert [getattr(found, name) for name in names] == pytest.approx(shares, abs=1e-9)
    assert counts == wanted_counts
