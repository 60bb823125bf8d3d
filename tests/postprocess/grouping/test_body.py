"""How tall bodies are, and the boxes they fill, from whatever key points are seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ghostpose.skeleton import KEYPOINTS
from postprocess.grouping.body import body_boxes, body_heights_px
from training.evaluation.evaluate import read_set

COCO = Path(__file__).parents[4] / "shared" / "data" / "train" / "coco"

DEPTH = {
    "nose": 0.085,
    "eye": 0.065,
    "ear": 0.075,
    "neck": 0.18,
    "shoulder": 0.18,
    "elbow": 0.37,
    "wrist": 0.51,
    "hip": 0.47,
    "knee": 0.715,
    "ankle": 0.96,
}


def standing(left: float = 100.0, top: float = 100.0, height: float = 120.0) -> np.ndarray:
    """Return the key points (1, 18, 3) of somebody who stands there, seen from the front."""
    points_pk3 = np.zeros((1, 18, 3), np.float32)
    for k, name in enumerate(KEYPOINTS):
        side = -1 if name.startswith("right") else 1 if name.startswith("left") else 0
        across = side * (0.02 if name.endswith(("eye", "ear")) else 0.08)
        points_pk3[0, k] = left + across * height, top + DEPTH[kind(name)] * height, 0.8
    return points_pk3


def kind(name: str) -> str:
    return name.rsplit("_", 1)[-1]


@pytest.mark.parametrize(
    "gone",
    [
        (),
        ("ankle", "knee"),
        ("nose", "eye", "ear"),
        ("ankle", "knee", "hip"),
        ("wrist", "elbow", "shoulder", "nose", "eye", "ear"),
    ],
    ids=lambda gone: f"without {gone}",
)
def test_height_and_box_hold_when_parts_are_missing(gone: tuple[str, ...]) -> None:
    points_pk3 = standing()
    points_pk3[0, [kind(name) in gone for name in KEYPOINTS]] = 0
    height = body_heights_px(points_pk3)
    assert height[0] == pytest.approx(120, rel=0.2)
    left, top, right, bottom = body_boxes(points_pk3, height)[0]
    assert top == pytest.approx(97, abs=14)
    assert bottom == pytest.approx(224, abs=16)
    assert left < 100 < right


def test_nobody_has_no_size_but_divides_nothing_by_zero() -> None:
    nobody = np.zeros((1, 18, 3), np.float32)
    height = body_heights_px(nobody)
    assert height[0] > 0
    assert (body_boxes(nobody, height) == 0).all()


def test_a_box_holds_every_key_point_however_a_body_is_bent() -> None:
    rng = np.random.default_rng(0)
    points_pk3 = rng.uniform(0, 300, (200, 18, 3)).astype(np.float32)
    points_pk3[..., 2] = rng.random((200, 18)) < 0.5
    seen_pk = points_pk3[..., 2] > 0
    box_p14 = body_boxes(points_pk3, body_heights_px(points_pk3))[:, None]
    xy_pk2 = points_pk3[..., :2]
    inside_pk = ((xy_pk2 > box_p14[..., :2]) & (xy_pk2 < box_p14[..., 2:])).all(-1)
    assert inside_pk[seen_pk].all()


@pytest.mark.data
@pytest.mark.skipif(not COCO.is_dir(), reason="needs ../shared/data, not shipped")
def test_boxes_meet_those_of_whole_people_in_training_pictures() -> None:
    labelled = read_set(COCO / "images", COCO / "annotations.json")
    overlaps = []
    for annotation in labelled.content["annotations"]:
        points_k3 = keypoints_of_whole(annotation)
        if points_k3 is not None:
            box_4 = body_boxes(points_k3[None], body_heights_px(points_k3[None]))[0]
            overlaps.append(overlap(box_4, np.array(annotation["bbox"], np.float32)))
    assert len(overlaps) > 1000
    assert np.mean(overlaps) > 0.75
    assert np.mean(np.array(overlaps) > 0.5) > 0.95


def keypoints_of_whole(annotation: dict) -> np.ndarray | None:
    """Return the key points of somebody of whom head, shoulders and both feet are labelled."""
    from ghostpose.network.targets import add_necks
    from training.data.coco import keypoints_of

    flags = np.array(annotation.get("keypoints", [0] * 51)).reshape(17, 3)[:, 2] > 0
    whole = flags[[5, 6, 15, 16]].all() and flags[:5].any() and flags.sum() >= 12
    points_k3 = keypoints_of(annotation) if whole and annotation["bbox"][3] > 40 else None
    return None if points_k3 is None else add_necks(points_k3[None])[0].astype(np.float32)


def overlap(ltrb_4: np.ndarray, xywh_4: np.ndarray) -> float:
    other_4 = np.concatenate([xywh_4[:2], xywh_4[:2] + xywh_4[2:]])
    low, high = np.maximum(ltrb_4[:2], other_4[:2]), np.minimum(ltrb_4[2:], other_4[2:])
    common = np.maximum(high - low, 0).prod()
    areas = (ltrb_4[2:] - ltrb_4[:2]).prod() + (other_4[2:] - other_4[:2]).prod()
    return float(common / (areas - common))
