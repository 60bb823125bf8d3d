"""A tiny labelled set, made here: grey pictures with bright people-like blobs."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003

import cv2
import numpy as np
import pytest

from ghostpose.skeleton import COCO_KEYPOINTS

SIZE = (120, 160)
"""Height and width of the pictures."""


def annotation(number: int, image: int, left: float, top: float) -> dict[str, object]:
    """A person 60 px tall whose key points lie on a zigzag, all visible."""
    xy = [(left + 4 * (k % 3), top + 60 * k / 16) for k in range(len(COCO_KEYPOINTS))]
    keypoints = [value for x, y in xy for value in (x, y, 2)]
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [left, top, 12, 60],
        "area": 700.0,
        "keypoints": keypoints,
        "num_keypoints": 17,
    }


@pytest.fixture
def coco_folder(tmp_path: Path) -> Path:
    """A folder with `images/` (a.png, b.png, c.png) and `annotations.json`; c has no people."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for name in "abc":
        picture = rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), picture)
    images = [
        {"id": i, "file_name": f"{name}.png", "height": SIZE[0], "width": SIZE[1]}
        for i, name in enumerate("abc", start=1)
    ]
    crowd = {"id": 9, "image_id": 2, "category_id": 1, "iscrowd": 1, "bbox": [100, 10, 40, 50]}
    nobody = {"id": 8, "image_id": 1, "category_id": 1, "iscrowd": 0, "bbox": [10, 20, 30, 40]}
    unlabelled = {**nobody, "keypoints": [0] * 51, "num_keypoints": 0, "area": 900.0}
    annotations = [annotation(1, 1, 60, 30), annotation(2, 2, 40, 20), crowd, unlabelled]
    content = {"images": images, "annotations": annotations, "categories": []}
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    return tmp_path
