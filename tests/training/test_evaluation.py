from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from ghostpose.errors import DataError, UserError
from ghostpose.network.targets import paf_targets, pcm_targets
from ghostpose.skeleton import COCO_KEYPOINTS, COCO_TO_OURS, KEYPOINTS, MIRROR
from ghostpose.types import Maps, Person
from postprocess.grouping import GroupingOptions
from training.evaluation.agreement import mean_agreement
from training.evaluation.evaluate import LabelledSet, evaluate_engine, read_set, summary
from training.evaluation.mistakes import classify
from training.evaluation.predict import ViewOptions, look_at, people_of
from training.evaluation.report import write_report
from training.evaluation.scores import LabelledPerson, coco_scores, pair_people, results_of
from training.evaluation.tuning import tune_grouping

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = (240, 320)
"""Height and width of the pictures evaluated here."""

STANDING = np.array(
    # as in COCO's order: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles
    [
        (0.00, 0.10), (0.03, 0.07), (-0.03, 0.07), (0.06, 0.09), (-0.06, 0.09),
        (0.12, 0.20), (-0.12, 0.20), (0.16, 0.36), (-0.16, 0.36), (0.18, 0.50), (-0.18, 0.50),
        (0.07, 0.52), (-0.07, 0.52), (0.08, 0.74), (-0.08, 0.74), (0.08, 0.96), (-0.08, 0.96),
    ]
)  # fmt: skip


def ours(x: float, y: float, tall: float) -> np.ndarray:
    """Return our 18 key points of a standing person, all labelled."""
    points_k3 = np.ones((18, 3), np.float32)
    points_k3[list(COCO_TO_OURS), :2] = STANDING * tall + (x, y)
    points_k3[1, :2] = points_k3[[2, 5], :2].mean(axis=0)
    return points_k3


PEOPLE = {"left.png": [(80.0, 10.0, 220.0)], "two.png": [(70.0, 20.0, 200.0), (230.0, 5.0, 225.0)]}


class TruthEngine:
    """Says what is true of the picture, which it knows by its marks; `blind` of them it misses.

    The first row of each picture is red on the left and blue on the right: so mirrored ones show.
    """

    name, device, precision = "truth", "cpu", "f32"

    def __init__(self, paf_offset_cells: float = 0.0, blind: tuple[int, ...] = ()) -> None:
        self.paf_offset_cells, self._blind = paf_offset_cells, blind

    def warm_up(self, height: int, width: int, batch: int = 1) -> None: ...

    def infer(self, images: Sequence[np.ndarray]) -> list[Maps]:
        return [self._maps(image) for image in images]

    def _maps(self, image: np.ndarray) -> Maps:
        height, width = image.shape[:2]
        content = int(np.flatnonzero((image[8] != 128).any(axis=-1))[-1]) + 1
        rows = int(np.flatnonzero((image[:, 8] != 128).any(axis=-1))[-1]) + 1
        left, middle = image[8, 8], image[8, content // 2]
        mirrored = left[2] < left[0]
        people = PEOPLE["two.png" if middle[1] > 128 else "left.png"]
        keypoints_pk3 = np.stack([ours(*person) for person in people])
        scale = np.array([content / SIZE[1], rows / SIZE[0]])
        keypoints_pk3[..., :2] = (keypoints_pk3[..., :2] + 0.5) * scale - 0.5
        if mirrored:
            keypoints_pk3[..., 0] = content - 1 - keypoints_pk3[..., 0]
            keypoints_pk3 = keypoints_pk3[:, list(MIRROR)]
        keypoints_pk3[:, list(self._blind), 2] = 0
        offset = self.paf_offset_cells
        paf_chw = paf_targets(keypoints_pk3, height, width, offset_cells=offset)
        return Maps(pcm_targets(keypoints_pk3, height, width), paf_chw, offset)


@pytest.fixture
def labelled(tmp_path: Path) -> LabelledSet:
    annotations, images = [], []
    for number, (name, people) in enumerate(PEOPLE.items(), start=1):
        picture = np.zeros((*SIZE, 3), np.uint8)
        picture[:, : SIZE[1] // 2, 2] = picture[:, SIZE[1] // 2 :, 0] = 255
        if len(people) > 1:
            picture[:, 140:180, 1] = 255
        cv2.imwrite(str(tmp_path / name), picture)
        images.append({"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1]})
        for x, y, tall in people:
            xy_k2 = STANDING * tall + (x, y)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "iscrowd": 0,
                    "bbox": [x - 0.2 * tall, y, 0.4 * tall, tall],
                    "area": 0.3 * tall * tall,
                    "keypoints": [v for px, py in xy_k2 for v in (px, py, 2)],
                    "num_keypoints": len(COCO_KEYPOINTS),
                }
            )
    content = {"images": images, "annotations": annotations}
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    return read_set(tmp_path, tmp_path / "annotations.json")


def person_of(points_k3: np.ndarray, score: float = 0.9) -> Person:
    return Person(score, (0.0, 0.0, 1.0, 1.0), points_k3.astype(np.float32))


def test_perfect_results_have_ap_1_and_none_have_0(labelled: LabelledSet) -> None:
    perfect = [
        result
        for number, people in enumerate(PEOPLE.values(), start=1)
        for result in results_of([person_of(ours(*person)) for person in people], number)
    ]
    assert coco_scores(labelled.content, perfect, [1, 2]).ap == pytest.approx(1)
    assert coco_scores(labelled.content, perfect, [1, 2]).ar == pytest.approx(1)
    assert coco_scores(labelled.content, [], [1, 2]).ap == 0


def test_key_points_half_found_score_between(labelled: LabelledSet) -> None:
    halves = []
    for number, people in enumerate(PEOPLE.values(), start=1):
        for person in people:
            points_k3 = ours(*person)
            points_k3[8:14] = 0
            halves += results_of([person_of(points_k3)], number)
    scores = coco_scores(labelled.content, halves, [1, 2])
    assert scores.ap50 == pytest.approx(1)
    assert 0.2 < scores.ap < 0.8


@pytest.mark.parametrize("offset", [0.0, 0.4375])
@pytest.mark.parametrize(
    "view",
    [
        ViewOptions(240),
        ViewOptions(368),
        ViewOptions(368, (1.0, 1.5)),
        ViewOptions(244, (1.0, 0.75), flip=True),
        ViewOptions(368, flip=True),
    ],
    ids=["native", "larger", "two scales", "padded, flipped", "flipped"],
)
def test_people_are_where_they_are_under_every_view(
    labelled: LabelledSet, view: ViewOptions, offset: float
) -> None:
    engine = TruthEngine(offset)
    for path in labelled.files.values():
        image = np.asarray(cv2.imread(str(path)), np.uint8)
        people = people_of(look_at(engine, image, view), GroupingOptions())
        truth = [ours(*person) for person in PEOPLE[path.name]]
        assert len(people) == len(truth)
        for points_k3 in truth:
            nearest = min(people, key=lambda p: abs(p.keypoints_k3[1, 0] - points_k3[1, 0]))
            error_k = np.linalg.norm(nearest.keypoints_k3[:, :2] - points_k3[:, :2], axis=1)
            assert error_k[2:14].max() < 2


def test_an_engine_that_says_the_truth_is_scored_so(labelled: LabelledSet, tmp_path: Path) -> None:
    evaluation = evaluate_engine(TruthEngine(), labelled, ViewOptions(368), GroupingOptions())
    scores = summary(evaluation)
    assert scores["images"] == 2
    assert scores["people"] == 3
    assert scores["AP"] > 0.9
    assert scores["pck"] == 1
    assert set(scores["ms"]) == {"network", "grouping"}
    assert all(row["good"] > 0.9 for row in evaluation.mistakes.shares().values())
    write_report(tmp_path / "report", evaluation)
    written = {path.name for path in (tmp_path / "report").iterdir()}
    sheets = {"best.jpg", "worst.jpg", "precision-recall.png"}
    assert written == {"results.json", "summary.json", "mistakes.csv", *sheets}
    for name in sheets:
        assert cv2.imread(str(tmp_path / "report" / name)) is not None
    assert len(json.loads((tmp_path / "report" / "results.json").read_text())) == 3


def test_what_an_engine_never_finds_is_a_miss(labelled: LabelledSet) -> None:
    knees = tuple(k for k, name in enumerate(KEYPOINTS) if name.endswith(("knee", "ankle")))
    engine = TruthEngine(blind=knees)
    shares = evaluate_engine(
        engine, labelled, ViewOptions(368), GroupingOptions()
    ).mistakes.shares()
    for name, row in shares.items():
        assert row["miss"] == (1 if name.endswith(("knee", "ankle")) else 0), name


def test_a_damaged_picture_is_counted_and_named(labelled: LabelledSet) -> None:
    next(iter(labelled.files.values())).write_bytes(b"no picture")
    evaluation = evaluate_engine(TruthEngine(), labelled, ViewOptions(240), GroupingOptions())
    assert [path.name for path in evaluation.predictions.damaged] == ["left.png"]
    assert summary(evaluation)["images"] == 1


def test_a_set_that_lacks_pictures_is_refused(labelled: LabelledSet) -> None:
    path = next(iter(labelled.files.values()))
    path.unlink()
    with pytest.raises(DataError, match=r"lacks 1 of the 2 pictures.*left\.png"):
        read_set(path.parent, path.parent / "annotations.json")


def test_mistakes_are_told_apart() -> None:
    person = LabelledPerson(ours(100, 0, 200), 12_000, 200)
    other = LabelledPerson(ours(220, 0, 200), 12_000, 200)
    wrist, left_wrist, ankle, hip, nose = (
        KEYPOINTS.index(n)
        for n in ("right_wrist", "left_wrist", "right_ankle", "right_hip", "nose")
    )
    found_k3 = person.keypoints_k3.copy()
    found_k3[wrist] = found_k3[left_wrist]
    found_k3[ankle] = other.keypoints_k3[ankle]
    found_k3[hip, 1] += 18
    found_k3[nose] = 0
    mistakes = classify(found_k3, person, [other])
    assert mistakes[wrist] == "inversion"
    assert mistakes[left_wrist] == "good"
    assert mistakes[ankle] == "swap"
    assert mistakes[hip] == "jitter"
    assert mistakes[nose] == "miss"
    assert KEYPOINTS.index("neck") not in mistakes
    assert set(classify(None, person, [other]).values()) == {"miss"}


def test_people_are_paired_so_that_all_together_fit_best() -> None:
    people = [LabelledPerson(ours(x, 0, 200), 12_000, 200) for x in (100, 130)]
    found = [ours(118, 0, 200), ours(95, 0, 200)]
    assert sorted(pair_people(found, people)) == [(0, 1), (1, 0)]
    assert pair_people([ours(1000, 0, 200)], people) == []


def test_tuning_finds_thresholds_that_let_people_through(labelled: LabelledSet) -> None:
    deaf = GroupingOptions(peak_threshold=0.99, min_mean_score=0.3)
    best, ap = tune_grouping(TruthEngine(), labelled, ViewOptions(368), deaf)
    assert best.peak_threshold < 0.5
    assert ap > 0.9


def test_the_teacher_agrees_with_itself_and_not_with_silence(labelled: LabelledSet) -> None:
    paths, view = list(labelled.files.values()), ViewOptions(240)
    assert mean_agreement(TruthEngine(), TruthEngine(), paths, view) == 1
    silent = TruthEngine(blind=tuple(range(18)))
    assert mean_agreement(silent, TruthEngine(), paths, view) == pytest.approx(0)


@pytest.mark.parametrize("options", [{"height": 4}, {"scales": ()}, {"scales": (0.001,)}])
def test_a_view_of_less_than_a_cell_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(UserError, match="less than one cell"):
        ViewOptions(**options)  # type: ignore[arg-type]
