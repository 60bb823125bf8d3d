"""Evaluates an engine on a labelled set: COCO's scores, PCK, times, and what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ghostpose.errors import DataError
from ghostpose.network.targets import add_necks
from training.data.coco import keypoints_of, load_annotations
from training.evaluation.mistakes import MistakeTable
from training.evaluation.predict import Prediction, Predictions, ViewOptions, predict_all
from training.evaluation.scores import (
    LabelledPerson,
    Scores,
    coco_scores,
    count_correct,
    nobody,
    pair_people,
    results_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from ghostpose.types import FloatArray
    from postprocess.grouping import GroupingOptions
    from workers.engines import Engine


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSet:
    """A set to evaluate on: COCO content, and which of its pictures (id to file) are there."""

    content: Mapping[str, Any]
    files: Mapping[int, Path]

    def people_in(self, image_id: int) -> list[LabelledPerson]:
        """Return the people with key points in one picture."""
        return [
            person
            for annotation in self.content["annotations"]
            if annotation["image_id"] == image_id
            if (person := _labelled_person(annotation)) is not None
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """An engine's results on a set. `pck` is the share of key points within a tenth of the box."""

    scores: Scores
    pck: float
    people: int
    results: list[dict[str, Any]]
    mistakes: MistakeTable
    predictions: Predictions
    similarity: Mapping[Path, float]
    """Mean OKS of each picture's labelled people, for the best and worst."""


def read_set(images: Path, annotations: Path, only: Collection[str] = ()) -> LabelledSet:
    """Read a set's annotations; `only` keeps the pictures of these file names.

    Raises:
        DataError: the annotations can't be used, or a picture of the set is missing.
    """
    content = load_annotations(annotations)
    files = {
        image["id"]: images / image["file_name"]
        for image in content["images"]
        if not only or image["file_name"] in only
    }
    missing = [path.name for path in files.values() if not path.is_file()]
    if missing or not files:
        raise DataError(
            f"{images} lacks {len(missing)} of the {len(files)} pictures to evaluate on"
            f"{': ' + ', '.join(missing[:5]) if missing else ''}"
        )
    return LabelledSet(content, files)


def evaluate_engine(
    engine: Engine,
    labelled: LabelledSet,
    view: ViewOptions,
    grouping: GroupingOptions,
    on_done: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Run an engine over a set and score what it finds. Damaged pictures count as nothing found."""
    predictions = predict_all(engine, labelled.files.values(), view, grouping, on_done)
    return judge(labelled, predictions)


def judge(labelled: LabelledSet, predictions: Predictions) -> Evaluation:
    """Score what was found in a set."""
    ids = {path: image_id for image_id, path in labelled.files.items()}
    results = [r for p in predictions.found for r in results_of(p.people, ids[p.path])]
    table, right, total = MistakeTable(), 0, 0
    similarity: dict[Path, float] = {}
    for prediction in predictions.found:
        people = labelled.people_in(ids[prediction.path])
        found = [person.keypoints_k3 for person in prediction.people]
        table.add(found, people)
        for points_k3, person in _each_person(found, people):
            correct, labels = count_correct(points_k3, person)
            right, total = right + correct, total + labels
        if people:
            similarity[prediction.path] = _mean_oks(found, people)
    return Evaluation(
        scores=coco_scores(labelled.content, results, list(labelled.files)),
        pck=right / max(1, total),
        people=sum(len(prediction.people) for prediction in predictions.found),
        results=results,
        mistakes=table,
        predictions=predictions,
        similarity=similarity,
    )


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """Return the fixed last line of `ghostpose evaluate --json`; scores 0 to 1, times in ms."""
    scores, found = evaluation.scores, evaluation.predictions.found
    return {
        "images": len(found),
        "people": evaluation.people,
        "AP": round(scores.ap, 4),
        "AP50": round(scores.ap50, 4),
        "AP75": round(scores.ap75, 4),
        "APM": round(scores.ap_medium, 4),
        "APL": round(scores.ap_large, 4),
        "AR": round(scores.ar, 4),
        "pck": round(evaluation.pck, 4),
        "ms": {"network": _median(found, "network_ms"), "grouping": _median(found, "grouping_ms")},
    }


def _median(found: Sequence[Prediction], name: str) -> float:
    return round(float(np.median([getattr(p, name) for p in found])), 2) if found else 0.0


def _labelled_person(annotation: dict[str, Any]) -> LabelledPerson | None:
    points_k3 = keypoints_of(annotation)
    if points_k3 is None:
        return None
    width, height = annotation["bbox"][2:]
    area = float(annotation.get("area") or width * height)
    return LabelledPerson(add_necks(points_k3[None])[0], area, float(max(width, height)))


def _each_person(
    found: Sequence[FloatArray], people: Sequence[LabelledPerson]
) -> list[tuple[FloatArray, LabelledPerson]]:
    """Return what was found of every labelled person, nothing for those not found."""
    pairs = {person: index for index, person in pair_people(found, people)}
    return [
        (found[pairs[index]] if index in pairs else nobody(), person)
        for index, person in enumerate(people)
    ]


def _mean_oks(found: Sequence[FloatArray], people: Sequence[LabelledPerson]) -> float:
    from training.evaluation.scores import oks

    return float(np.mean([oks(points, person) for points, person in _each_person(found, people)]))
