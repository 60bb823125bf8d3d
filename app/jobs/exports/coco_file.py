"""COCO key points: a data set's JSON, as pycocotools reads it.

An image a frame (also those with nobody), an annotation a person. Key points are COCO's 17, the
neck left out; whole numbers are pixel centres there as here. What COCO has no field for (camera,
session, seq, times; track, score) stands beside its own.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from typing import TYPE_CHECKING, Any, Final

from ghostpose.skeleton import COCO_KEYPOINTS, COCO_TO_OURS

if TYPE_CHECKING:
    from pathlib import Path

    from ghostpose.types import Person, PoseMessage

PERSON: Final = 1
"""COCO's number of the category."""

SEEN: Final = 2
"""COCO's flag of a key point that is there and visible."""

DIGITS: Final = 2

_COCO_LIMBS: Final = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9),
    (8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
)  # fmt: skip
"""Pairs of key points that COCO draws lines between, counted from 1."""


class CocoFile:
    """Writes images as they come, annotations into a second file, which is appended at the end."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        # Beside the other, since there is room for results there if anywhere.
        self._later = tempfile.TemporaryFile(  # noqa: SIM115 - closed by close
            "w+", encoding="utf-8", dir=path.parent
        )
        self._images = self._annotations = 0
        info = {"description": "people and their key points, found by ghostpose"}
        head = {"info": info, "licenses": [], "categories": [_category()]}
        self._file.write(json.dumps(head)[:-1] + ', "images": [')

    def add(self, pose: PoseMessage) -> None:
        """Write a frame and its people."""
        self._file.write(_separator(self._images) + json.dumps(self._image(pose)))
        self._images += 1
        for person in pose.people:
            annotation = {"id": self._annotations + 1, "image_id": self._images, **_person(person)}
            self._later.write(_separator(self._annotations) + json.dumps(annotation))
            self._annotations += 1

    def close(self) -> None:
        """Write the annotations behind the images."""
        self._file.write('\n], "annotations": [')
        self._later.seek(0)
        shutil.copyfileobj(self._later, self._file)
        self._file.write("\n]}\n")
        self._later.close()
        self._file.close()

    def _image(self, pose: PoseMessage) -> dict[str, Any]:
        return {
            "id": self._images + 1,
            "file_name": f"{pose.camera}-{pose.session}-{pose.seq:08d}.jpg",
            "width": pose.width,
            "height": pose.height,
            "camera": pose.camera,
            "session": pose.session,
            "seq": pose.seq,
            "captured_at": pose.captured_at,
            "media_time": pose.media_time,
        }


def _separator(count: int) -> str:
    return ",\n" if count else "\n"


def _category() -> dict[str, Any]:
    return {
        "id": PERSON,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(COCO_KEYPOINTS),
        "skeleton": [list(limb) for limb in _COCO_LIMBS],
    }


def _person(person: Person) -> dict[str, Any]:
    points: list[float] = []
    for x, y, score in person.keypoints_k3[list(COCO_TO_OURS)].tolist():
        points += [round(x, DIGITS), round(y, DIGITS), SEEN] if score > 0 else [0, 0, 0]
    box = [round(side, DIGITS) for side in person.box]
    return {
        "category_id": PERSON,
        "bbox": box,
        "area": round(box[2] * box[3], DIGITS),
        "iscrowd": 0,
        "keypoints": points,
        "num_keypoints": points[2::3].count(SEEN),
        "score": round(person.score, 4),
        "track": person.track,
    }
