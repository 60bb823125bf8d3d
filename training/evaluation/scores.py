"""COCO's key point scores by pycocotools, and PCK, of what was found in a set."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ghostpose.errors import DataError
from ghostpose.skeleton import COCO_TO_OURS, NUM_KEYPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ghostpose.types import FloatArray, Person

PCK_SHARE: Final = 0.1
"""A key point is correct within this share of its person's box (the longer side)."""

_MIN_PAIR_OKS: Final = 0.1
"""A person found this unlike a labelled one is not it."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """COCO's scores, 0 to 1, and the precision curves (10 OKS thresholds, 101 recalls)."""

    ap: float
    ap50: float
    ap75: float
    ap_medium: float
    ap_large: float
    ar: float
    precision_tr: NDArray[np.float64]


def results_of(people: Iterable[Person], image_id: int) -> list[dict[str, Any]]:
    """Return people as COCO results: 17 key points, the neck left out, and the score."""
    results = []
    for person in people:
        points_k3 = np.asarray(person.keypoints_k3, np.float64)[list(COCO_TO_OURS)]
        points_k3[:, 2] = points_k3[:, 2] > 0
        values = [round(float(value), 2) for value in points_k3.ravel()]
        score = round(float(person.score), 5)
        result = {"image_id": image_id, "category_id": 1, "keypoints": values, "score": score}
        results.append(result)
    return results


def coco_scores(
    truth: Mapping[str, Any], results: Sequence[Mapping[str, Any]], image_ids: Sequence[int]
) -> Scores:
    """Score results against COCO annotations on the pictures given.

    Raises:
        DataError: no person with key points is labelled in them.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    wanted = set(image_ids)
    labelled = (
        a for a in truth["annotations"] if a["image_id"] in wanted and a.get("num_keypoints")
    )
    if not any(labelled):
        raise DataError(f"none of the {len(wanted)} pictures has a person with key points")
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress and a table
        coco = COCO()
        coco.dataset = _complete(truth)
        coco.createIndex()
        evaluation = COCOeval(coco, _loaded(coco, results), "keypoints")
        evaluation.params.imgIds = sorted(wanted)
        evaluation.params.catIds = [1]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    stats = [max(0.0, float(value)) for value in evaluation.stats]
    precision_tr = np.maximum(evaluation.eval["precision"][:, :, 0, 0, 0], 0)
    return Scores(stats[0], stats[1], stats[2], stats[3], stats[4], stats[5], precision_tr)


def _loaded(coco: Any, results: Sequence[Mapping[str, Any]]) -> Any:
    from pycocotools.coco import COCO

    if results:
        return coco.loadRes([dict(result) for result in results])
    empty = COCO()  # loadRes can't take an empty list
    empty.dataset = {**coco.dataset, "annotations": []}
    empty.createIndex()
    return empty


def _complete(truth: Mapping[str, Any]) -> dict[str, Any]:
    """Return the annotations with what pycocotools reads and small sets leave out."""
    categories = truth.get("categories") or [{"id": 1, "name": "person"}]
    defaults = {"iscrowd": 0, "num_keypoints": 0, "keypoints": [0] * 51, "category_id": 1}
    annotations = [
        {**defaults, "area": a["bbox"][2] * a["bbox"][3], **a} for a in truth["annotations"]
    ]
    return {"images": truth["images"], "annotations": annotations, "categories": categories}


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPerson:
    """A labelled person: (18, 3) with 1 where labelled, area in px^2, longer side of its box."""

    keypoints_k3: FloatArray
    area: float
    side_px: float


def oks(found_k3: FloatArray, person: LabelledPerson) -> float:
    """Return COCO's object key point similarity, over the labelled key points without the neck."""
    near_k = keypoint_similarity(found_k3, person)
    labelled_k = person.keypoints_k3[:, 2] > 0
    labelled_k[NECK] = False
    return float(near_k[labelled_k].mean()) if labelled_k.any() else 0.0


NECK: Final = 1


def keypoint_similarity(found_k3: FloatArray, person: LabelledPerson) -> NDArray[np.float64]:
    """Return how near each found key point is to the labelled one, 0 to 1; missing ones are 0."""
    from ghostpose.skeleton import OKS_SIGMAS

    truth_k3 = person.keypoints_k3
    distance2_k = ((found_k3[:, :2] - truth_k3[:, :2]).astype(np.float64) ** 2).sum(axis=1)
    variance_k = (2 * np.array(OKS_SIGMAS)) ** 2
    near_k = np.exp(-distance2_k / (2 * variance_k * max(person.area, 1.0)))
    result: NDArray[np.float64] = near_k * (found_k3[:, 2] > 0) * (truth_k3[:, 2] > 0)
    return result


def pair_people(
    found: Sequence[FloatArray], people: Sequence[LabelledPerson]
) -> list[tuple[int, int]]:
    """Return pairs (found, labelled) that together have the highest OKS."""
    from scipy.optimize import linear_sum_assignment

    if not found or not people:
        return []
    oks_fp = np.array([[oks(points_k3, person) for person in people] for points_k3 in found])
    pairs = zip(*linear_sum_assignment(-oks_fp), strict=True)
    return [(int(f), int(p)) for f, p in pairs if oks_fp[f, p] > _MIN_PAIR_OKS]


def count_correct(found_k3: FloatArray, person: LabelledPerson) -> tuple[int, int]:
    """Return how many labelled key points are within `PCK_SHARE` of the box, and how many are."""
    truth_k3 = person.keypoints_k3
    labelled_k = truth_k3[:, 2] > 0
    labelled_k[NECK] = False
    distance_k = np.linalg.norm(found_k3[:, :2] - truth_k3[:, :2], axis=1)
    right_k = labelled_k & (found_k3[:, 2] > 0) & (distance_k <= PCK_SHARE * person.side_px)
    return int(right_k.sum()), int(labelled_k.sum())


def nobody() -> FloatArray:
    """Return the key points of a person that was not found."""
    return np.zeros((NUM_KEYPOINTS, 3), np.float32)
