"""Reads a COCO-keypoints set: a folder of pictures and one JSON file in the official layout."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ghostpose.errors import DataError
from ghostpose.network.targets import add_necks
from ghostpose.skeleton import COCO_KEYPOINTS, COCO_TO_OURS, NUM_KEYPOINTS
from training.data.pictures import Picture

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from ghostpose.types import FloatArray

_log = logging.getLogger("coco.CocoSet")

_NAMED_IN_LOG: Final = 5
"""How many of the skipped pictures a warning names."""


@dataclass(frozen=True, slots=True)
class CocoSet:
    """The pictures of a set, and the files that its JSON names but its folder lacks."""

    pictures: tuple[Picture, ...]
    missing: tuple[Path, ...] = field(default=())


def read_coco(images: Path, annotations: Path, *, without: Collection[str] = ()) -> CocoSet:
    """Read a COCO-keypoints set. Pictures named in `without` (file names) are left out.

    A person without key points and a crowd become ignored boxes. Missing files are skipped,
    counted and named in a warning.

    Raises:
        DataError: the JSON is missing, damaged, without key points, or none of its files is there.
    """
    content = load_annotations(annotations)
    by_image: dict[int, list[dict[str, Any]]] = {}
    for annotation in content["annotations"]:
        by_image.setdefault(annotation["image_id"], []).append(annotation)
    pictures, missing = [], []
    for image in content["images"]:
        path = images / image["file_name"]
        if image["file_name"] in without:
            continue
        if not path.is_file():
            missing.append(path)
            continue
        pictures.append(_picture(path, by_image.get(image["id"], [])))
    if missing:
        _warn_of_missing(images, missing)
    if not pictures:
        raise DataError(
            f"{images} holds none of the {len(missing)} pictures that {annotations} names"
        )
    return CocoSet(tuple(pictures), tuple(missing))


def load_annotations(path: Path) -> dict[str, Any]:
    """Return the parsed JSON of a COCO-keypoints file, checked for what we read of it.

    Raises:
        DataError: it is missing, no JSON, not of this layout, or has no key points at all.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"annotations {path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"annotations {path} are not JSON: {error}") from error
    if not isinstance(content, dict) or not {"images", "annotations"} <= content.keys():
        raise DataError(f"annotations {path} are not COCO's: no 'images' and 'annotations' in them")
    if not any(annotation.get("keypoints") for annotation in content["annotations"]):
        raise DataError(
            f"annotations {path} have no key points: wanted COCO's person_keypoints file, "
            f"got {len(content['annotations'])} annotations without 'keypoints'"
        )
    return content


def _picture(path: Path, annotations: Sequence[dict[str, Any]]) -> Picture:
    known, ignored = [], []
    for annotation in annotations:
        points_k3 = keypoints_of(annotation)
        if points_k3 is None:
            ignored.append(annotation["bbox"])
        else:
            known.append(points_k3)
    keypoints_pk3 = np.array(known, np.float32).reshape(-1, NUM_KEYPOINTS, 3)
    ignored_n4 = np.array(ignored, np.float32).reshape(-1, 4)
    return Picture(path, True, add_necks(keypoints_pk3), ignored_n4)


def keypoints_of(annotation: dict[str, Any]) -> FloatArray | None:
    """Return our (18, 3) of an annotation (x, y, 1 if labelled), or None if it has none.

    COCO's key points are indices of pixels, so whole numbers are centres, as ours.

    Raises:
        DataError: it has another number of key points than COCO's 17.
    """
    values = annotation.get("keypoints") or []
    if annotation.get("iscrowd") or not any(values[2::3]):
        return None
    if len(values) != 3 * len(COCO_KEYPOINTS):
        raise DataError(
            f"annotation {annotation.get('id')} has {len(values)} key point values, "
            f"wanted {3 * len(COCO_KEYPOINTS)}"
        )
    theirs_k3 = np.array(values, np.float32).reshape(-1, 3)
    labelled_k1 = theirs_k3[:, 2:] > 0
    ours_k3 = np.zeros((NUM_KEYPOINTS, 3), np.float32)
    ours_k3[list(COCO_TO_OURS)] = np.concatenate(
        [theirs_k3[:, :2] * labelled_k1, labelled_k1], axis=1
    )
    return ours_k3


def _warn_of_missing(images: Path, missing: Sequence[Path]) -> None:
    names = ", ".join(path.name for path in missing[:_NAMED_IN_LOG])
    more = f" and {len(missing) - _NAMED_IN_LOG} more" if len(missing) > _NAMED_IN_LOG else ""
    _log.warning(
        "%d pictures are missing in %s and skipped: %s%s", len(missing), images, names, more
    )
