"""Tunes grouping's thresholds for a network: coordinate search on training pictures only.

The network runs once a picture; every trial only groups again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from training.data.pictures import read_picture
from training.evaluation.predict import View, ViewOptions, look_at, people_of
from training.evaluation.scores import coco_scores, results_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from postprocess.grouping import GroupingOptions
    from training.evaluation.evaluate import LabelledSet
    from workers.engines import Engine

_log = logging.getLogger("tuning.tune_grouping")

CHOICES: Final[Mapping[str, tuple[float, ...]]] = {
    "peak_threshold": (0.03, 0.05, 0.08, 0.12, 0.18),
    "sample_threshold": (0.02, 0.05, 0.08, 0.12),
    "min_agreement": (0.6, 0.7, 0.8, 0.9),
    "min_keypoints": (3, 4, 5),
    "min_mean_score": (0.0, 0.1, 0.2, 0.3),
    "free_length": (0.35, 0.5, 0.8),
}
"""What is tried of each option, one option after the other."""

GAIN_WANTED: Final = 0.001
"""A change that gains less AP than this is chance, and not made."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting that was tried and the AP it gave."""

    name: str
    value: float
    ap: float


def tune_grouping(
    engine: Engine,
    labelled: LabelledSet,
    view: ViewOptions,
    start: GroupingOptions,
    on_trial: Callable[[Trial], None] = lambda _: None,
    *,
    rounds: int = 2,
) -> tuple[GroupingOptions, float]:
    """Return the best options found and their AP on the set."""
    views = {
        image_id: look_at(engine, read_picture(path), view)
        for image_id, path in labelled.files.items()
    }
    best, best_ap = start, score_views(views, labelled, start)
    on_trial(Trial("start", 0.0, best_ap))
    for _ in range(rounds):
        before = best
        for name, values in CHOICES.items():
            for value in values:
                if value == getattr(best, name):
                    continue
                trial = replace(best, **{name: type(getattr(best, name))(value)})
                ap = score_views(views, labelled, trial)
                on_trial(Trial(name, value, ap))
                if ap > best_ap + GAIN_WANTED:
                    best, best_ap = trial, ap
        if best == before:
            break
    return best, best_ap


def score_views(
    views: Mapping[int, View], labelled: LabelledSet, grouping: GroupingOptions
) -> float:
    """Return the AP of grouping the views' maps with these options."""
    results = [
        result
        for image_id, view in views.items()
        for result in results_of(people_of(view, grouping), image_id)
    ]
    return coco_scores(labelled.content, results, list(views)).ap
