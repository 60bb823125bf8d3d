"""Tracks a sequence's people and scores their tracks against ground truth."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from app.track_evaluation.detection import is_kept
from app.track_evaluation.scores import JudgedFrame, Scores, score

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from app.track_evaluation.detection import Detected
    from app.track_evaluation.truth import Truth
    from ghostpose.types import Person

    Doubles = NDArray[np.float64]


class GivesTracks(Protocol):
    """A tracker, or what is compared with it."""

    def update(
        self, people: Sequence[Person], media_time: float, size: tuple[int, int]
    ) -> tuple[Person, ...]:
        """Return the people of the next frame (`size`: its width, height) that have tracks."""


@dataclass(slots=True)
class Judge:
    """Numbers tracks as they come, and keeps what the scores are made of."""

    truth: Truth
    judged: dict[int, JudgedFrame] = field(default_factory=dict)
    numbers: dict[str | None, int] = field(default_factory=dict)

    def see(self, frame: int, people: Sequence[Person]) -> None:
        """Hold the tracked people of a frame, numbered from 1, against the truth."""
        true = self.truth.at(frame)
        track_p = [self.numbers.setdefault(p.track, len(self.numbers)) for p in people]
        box_p4 = np.array([person.box for person in people], np.float64).reshape(-1, 4)
        overlap_tp = overlaps(true.box_t4, box_p4)
        self.judged[frame] = JudgedFrame(true.person_t, np.array(track_p, np.intp), overlap_tp)

    def scores(self, every: int) -> Scores:
        """Return the scores of every `every`-th frame; of one never seen, all is missed."""
        frames = range(1, self.truth.last + 1, every)
        return score([self.judged.get(frame) or self._missed(frame) for frame in frames])

    def _missed(self, frame: int) -> JudgedFrame:
        person_t = self.truth.at(frame).person_t
        return JudgedFrame(person_t, np.zeros(0, np.intp), np.zeros((len(person_t), 0)))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of the tracker and of what it is compared with, and median times of a frame."""

    frames: int
    every: int
    scores: Scores
    baseline: Scores
    network_ms: float
    grouping_ms: float
    tracking_ms: float


def evaluate_tracks(
    detected: Iterable[Detected],
    truth: Truth,
    every: int,
    tracker: GivesTracks,
    baseline: GivesTracks,
) -> Evaluation:
    """Track the people found in every `every`-th frame, twice, and score both.

    `detected` may have more frames than these.
    """
    judge, other = Judge(truth), Judge(truth)
    times_n3: list[tuple[float, float, float]] = []
    for frame in detected:
        if not is_kept(frame.number, every):
            continue
        begun_s = time.perf_counter()
        people = tracker.update(frame.people, frame.media_time, frame.size)
        tracking_ms = 1e3 * (time.perf_counter() - begun_s)
        judge.see(frame.number, people)
        other.see(frame.number, baseline.update(frame.people, frame.media_time, frame.size))
        times_n3.append((frame.network_ms, frame.grouping_ms, tracking_ms))
    network_ms, grouping_ms, tracking_ms = np.median(times_n3 or [(0.0, 0.0, 0.0)], axis=0)
    return Evaluation(
        frames=len(times_n3),
        every=every,
        scores=judge.scores(every),
        baseline=other.scores(every),
        network_ms=float(network_ms),
        grouping_ms=float(grouping_ms),
        tracking_ms=float(tracking_ms),
    )


def overlaps(first_n4: Doubles, second_p4: Doubles) -> Doubles:
    """Return the intersection over union of boxes (left, top, width, height) as (n, p)."""
    low_np2 = np.maximum(first_n4[:, None, :2], second_p4[None, :, :2])
    first_end_n2, second_end_p2 = (box[:, :2] + box[:, 2:] for box in (first_n4, second_p4))
    high_np2 = np.minimum(first_end_n2[:, None], second_end_p2[None, :])
    common_np = np.maximum(high_np2 - low_np2, 0).prod(-1)
    union_np = first_n4[:, 2:].prod(-1)[:, None] + second_p4[:, 2:].prod(-1) - common_np
    shared: Doubles = np.divide(
        common_np, union_np, out=np.zeros_like(common_np), where=union_np > 0
    )
    return shared


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """Return the fixed last line of `ghostpose evaluate-tracking --json`; scores 0 to 1."""
    found, baseline = evaluation.scores, evaluation.baseline
    return {
        "frames": evaluation.frames,
        "every": evaluation.every,
        **_main_scores(found),
        "DetA": round(found.det_a, 4),
        "AssA": round(found.ass_a, 4),
        "recall": round(found.recall, 4),
        "precision": round(found.precision, 4),
        "people": found.people,
        "tracks": found.tracks,
        "greedy": _main_scores(baseline),
        "ms": {
            "network": round(evaluation.network_ms, 2),
            "grouping": round(evaluation.grouping_ms, 3),
            "tracking": round(evaluation.tracking_ms, 3),
        },
    }


def _main_scores(scores: Scores) -> dict[str, Any]:
    return {
        "HOTA": round(scores.hota, 4),
        "IDF1": round(scores.idf1, 4),
        "MOTA": round(scores.mota, 4),
        "id_switches": scores.id_switches,
    }
