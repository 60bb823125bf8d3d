"""The standard scores of tracking: HOTA, IDF1, MOTA and what goes into them. Pure.

- HOTA: Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking" (IJCV
  2021), the mean over overlaps of 0.05, 0.10 ... 0.95.
- MOTA and id switches: Bernardin and Stiefelhagen, "The CLEAR MOT Metrics" (2008), overlap 0.5.
- IDF1: Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera
  Tracking" (2016), overlap 0.5.

Equal to TrackEval's to the last digit (tested against its numbers): that package itself would
replace the OpenCV of servers by the one with windows, so it is no dependency.

Shape legend: t true people, p tracks, of one frame; T, P of the whole sequence; a overlaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import linear_sum_assignment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]
    Indices = NDArray[np.intp]

MIN_OVERLAP: Final = 0.5
"""Intersection over union from which a box counts as met, in MOTA and IDF1."""

_OVERLAPS: Final = np.arange(0.05, 0.99, 0.05)
_EPS: Final = np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True, eq=False)
class JudgedFrame:
    """One frame: which true people and which tracks are there (numbers from 0), and their IoU."""

    truth_t: Indices
    track_p: Indices
    iou_tp: Doubles


@dataclass(frozen=True, slots=True)
class Scores:
    """What tracks are worth; shares 0..1 (MOTA may be negative), the rest are counts of boxes."""

    hota: float
    det_a: float
    ass_a: float
    idf1: float
    mota: float
    id_switches: int
    misses: int
    false_positives: int
    truths: int
    boxes: int
    people: int
    tracks: int

    @property
    def recall(self) -> float:
        """Share of true boxes that were met."""
        return 1 - self.misses / max(self.truths, 1)

    @property
    def precision(self) -> float:
        """Share of boxes that meet a true one."""
        return 1 - self.false_positives / max(self.boxes, 1)


def score(frames: Sequence[JudgedFrame]) -> Scores:
    """Return the scores of a sequence's frames, in order."""
    truth_count_t = _counts([frame.truth_t for frame in frames])
    track_count_p = _counts([frame.track_p for frame in frames])
    truths, boxes = int(truth_count_t.sum()), int(track_count_p.sum())
    det_a, ass_a, hota = _hota(frames, truth_count_t, track_count_p)
    met, switches = _clear(frames, len(truth_count_t))
    right = _rightly_identified(frames, truth_count_t, track_count_p)
    return Scores(
        hota=hota,
        det_a=det_a,
        ass_a=ass_a,
        idf1=2 * right / max(truths + boxes, 1),
        mota=(met - (boxes - met) - switches) / max(truths, 1),
        id_switches=switches,
        misses=truths - met,
        false_positives=boxes - met,
        truths=truths,
        boxes=boxes,
        people=int((truth_count_t > 0).sum()),
        tracks=int((track_count_p > 0).sum()),
    )


def _counts(numbers: Sequence[Indices]) -> Doubles:
    """Return in how many frames each number occurs."""
    together = np.concatenate([*numbers, np.zeros(0, np.intp)])
    return np.bincount(together).astype(np.float64)


def _hota(
    frames: Sequence[JudgedFrame], truth_count_t: Doubles, track_count_p: Doubles
) -> tuple[float, float, float]:
    """Return DetA, AssA and HOTA, each the mean over all overlaps."""
    both_tp = truth_count_t[:, None] + track_count_p[None, :]
    met_atp = _met(frames, _alignment(frames, both_tp))
    met_a = met_atp.sum((1, 2))
    det_a = met_a / np.maximum(truth_count_t.sum() + track_count_p.sum() - met_a, 1)
    association_atp = met_atp / np.maximum(both_tp - met_atp, 1)
    ass_a = (met_atp * association_atp).sum((1, 2)) / np.maximum(met_a, 1)
    return float(det_a.mean()), float(ass_a.mean()), float(np.sqrt(det_a * ass_a).mean())


def _alignment(frames: Sequence[JudgedFrame], both_tp: Doubles) -> Doubles:
    """Return how much of their time each true person and track spend together (T, P): the soft
    Jaccard index by which HOTA chooses among the matches of a frame."""
    shared_tp = np.zeros_like(both_tp)
    for frame in frames:
        iou_tp = frame.iou_tp
        union_tp = iou_tp.sum(0)[None, :] + iou_tp.sum(1)[:, None] - iou_tp
        share_tp = np.divide(iou_tp, union_tp, out=np.zeros_like(iou_tp), where=union_tp > _EPS)
        shared_tp[np.ix_(frame.truth_t, frame.track_p)] += share_tp
    return shared_tp / np.maximum(both_tp - shared_tp, _EPS)


def _met(frames: Sequence[JudgedFrame], alignment_tp: Doubles) -> Doubles:
    """Return how often each pair is matched at each overlap (a, T, P)."""
    met_atp = np.zeros((len(_OVERLAPS), *alignment_tp.shape))
    for frame in frames:
        weight_tp = alignment_tp[np.ix_(frame.truth_t, frame.track_p)] * frame.iou_tp
        row, column = linear_sum_assignment(weight_tp, maximize=True)
        enough_am = frame.iou_tp[row, column] >= _OVERLAPS[:, None] - _EPS
        met_atp[:, frame.truth_t[row], frame.track_p[column]] += enough_am
    return met_atp


def _clear(frames: Sequence[JudgedFrame], people: int) -> tuple[int, int]:
    """Return how many boxes were met, and how often a person's track became another one.

    Matches of the frame before go on as long as they overlap enough; the rest is matched so that
    most overlap.
    """
    met, switches = 0, 0
    last_t = np.full(people, -1)  # the track each person was matched with last
    before_t = np.full(people, -1)  # the same, in the frame before only
    for frame in frames:
        if not len(frame.truth_t) or not len(frame.track_p):
            continue
        weight_tp = frame.iou_tp + 1000.0 * (before_t[frame.truth_t][:, None] == frame.track_p)
        weight_tp[frame.iou_tp < MIN_OVERLAP - _EPS] = 0
        row, column = linear_sum_assignment(weight_tp, maximize=True)
        kept = weight_tp[row, column] > _EPS
        person_m, track_m = frame.truth_t[row[kept]], frame.track_p[column[kept]]
        switches += int(((last_t[person_m] >= 0) & (last_t[person_m] != track_m)).sum())
        met += len(person_m)
        before_t[:] = -1
        before_t[person_m] = last_t[person_m] = track_m
    return met, switches


def _rightly_identified(
    frames: Sequence[JudgedFrame], truth_count_t: Doubles, track_count_p: Doubles
) -> int:
    """Return how many boxes are right if each true person is given one track for the whole time."""
    together_tp = np.zeros((len(truth_count_t), len(track_count_p)))
    for frame in frames:
        together_tp[np.ix_(frame.truth_t, frame.track_p)] += frame.iou_tp >= MIN_OVERLAP
    row, column = linear_sum_assignment(together_tp, maximize=True)
    return int(together_tp[row, column].sum())
