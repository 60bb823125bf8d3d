"""What JPEG costs in poses: people on raw pictures, and on the same ones coded and decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ghostpose.codec.images import decode_picture, encode_picture
from ghostpose.types import Placement
from postprocess.grouping import GroupingOptions, group, to_people
from workers.engines import create_engine
from workers.engines.padding import pad_to_stride

if TYPE_CHECKING:
    from ghostpose.types import ByteArray

QUALITIES = (80, 90, 95)


def pose_agreement(images: list[ByteArray]) -> list[dict[str, float | str]]:
    """Count people on raw pictures and on JPEG ones, and how far their key points moved."""
    engine = create_engine("auto")

    def points(image: ByteArray) -> list[np.ndarray]:
        height, width = image.shape[:2]
        found = group(engine.infer([pad_to_stride(image)])[0], GroupingOptions())
        people = to_people(found, Placement(1.0, 1.0), width, height)
        return [person.keypoints_k3 for person in people]

    raw = [points(image) for image in images]
    rows: list[dict[str, float | str]] = []
    for quality in QUALITIES:
        coded = [decode_picture(encode_picture(image, "jpeg", quality)) for image in images]
        rows.append({"name": f"jpeg {quality}", **_agreement(raw, [points(i) for i in coded])})
    return rows


def _agreement(raw: list[list[np.ndarray]], coded: list[list[np.ndarray]]) -> dict[str, float]:
    distances: list[float] = []
    for before, after in zip(raw, coded, strict=True):
        distances += [d for person in before for d in _moved(person, after)]
    return {
        "people_raw": sum(map(len, raw)),
        "people_jpeg": sum(map(len, coded)),
        "keypoints_within_1_px": float(np.mean(np.array(distances) <= 1.0)) if distances else 1.0,
    }


def _moved(person: np.ndarray, others: list[np.ndarray]) -> list[float]:
    """Distances of a person's key points to those of whoever is nearest; lost ones are infinite."""
    seen = person[:, 2] > 0
    best = [float("inf")] * int(seen.sum())
    for other in others:
        both = seen & (other[:, 2] > 0)
        gone = np.where(both, np.hypot(*(person - other)[:, :2].T), np.inf)[seen]
        if np.median(gone) < np.median(best):
            best = [float(distance) for distance in gone]
    return best
