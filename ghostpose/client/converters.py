"""Poses as numpy arrays, as a pandas table, and as supervision's KeyPoints.

pandas and supervision are imported by the function that needs them, and are the user's to install.
Shape legend: p people; k the 18 key points; 2 = x, y; 3 = x, y, score; 4 = left, top, width,
height. Pixels are the source picture's; a missing key point is 0, 0, 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ghostpose.client.records import PoseRecord
from ghostpose.errors import PackageError
from ghostpose.skeleton import KEYPOINTS, LIMBS, NUM_KEYPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    import supervision as sv

    from ghostpose.client.records import Record
    from ghostpose.types import FloatArray, PoseMessage

EDGES: Final = tuple((limb.start + 1, limb.end + 1) for limb in LIMBS)
"""The limbs as supervision's EdgeAnnotator wants them: pairs of key points, counted from 1."""


@dataclass(frozen=True, slots=True, eq=False)
class PoseArrays:
    """The people of one message: `tracks` names them, arrays are float32 (p, ...)."""

    tracks: tuple[str | None, ...]
    scores_p: FloatArray
    boxes_p4: FloatArray
    keypoints_pk3: FloatArray


def to_numpy(message: PoseMessage) -> PoseArrays:
    """Return the people of a message as arrays; with nobody, p is 0."""
    import numpy as np

    people = message.people
    keypoints_pk3 = np.zeros((len(people), NUM_KEYPOINTS, 3), np.float32)
    for person, points_k3 in zip(people, keypoints_pk3, strict=True):
        points_k3[:] = person.keypoints_k3
    return PoseArrays(
        tracks=tuple(person.track for person in people),
        scores_p=np.array([person.score for person in people], np.float32),
        boxes_p4=np.array([person.box for person in people], np.float32).reshape(-1, 4),
        keypoints_pk3=keypoints_pk3,
    )


def to_supervision(message: PoseMessage) -> sv.KeyPoints:
    """Return the people of a message as `supervision.KeyPoints`, their tracks in `data["track"]`.

    Raises:
        PackageError: supervision isn't installed.
    """
    key_points: type[sv.KeyPoints] = _imported("supervision", "supervision.KeyPoints").KeyPoints
    people = to_numpy(message)
    if not people.tracks:
        return key_points.empty()
    import numpy as np

    return key_points(
        xy=people.keypoints_pk3[..., :2],
        keypoint_confidence=people.keypoints_pk3[..., 2],
        detection_confidence=people.scores_p,
        class_id=np.zeros(len(people.tracks), int),
        data={"track": np.array(people.tracks)},
    )


def to_pandas(records: Iterable[Record]) -> pd.DataFrame:
    """Return a table with a row a person and message, in the order of the records.

    Its columns: `camera`, `session`, `seq`, `captured_at`, `media_time`, `track`, `score`, `x`,
    `y`, `width`, `height`, and of each key point `nose_x`, `nose_y`, `nose_score` and so on.
    Events have no rows.

    Raises:
        PackageError: pandas isn't installed.
    """
    pandas = _imported("pandas", "a pandas table")
    poses = [record.message for record in records if isinstance(record, PoseRecord)]
    rows = [row for message in poses for row in _rows(message)]
    return pandas.DataFrame(rows, columns=[*_COLUMNS, *_POINTS])


_COLUMNS: Final = (
    *("camera", "session", "seq", "captured_at", "media_time"),
    *("track", "score", "x", "y", "width", "height"),
)
_POINTS: Final = tuple(f"{name}_{value}" for name in KEYPOINTS for value in ("x", "y", "score"))


def _rows(message: PoseMessage) -> list[tuple[object, ...]]:
    frame = (message.camera, message.session, message.seq)
    return [
        (
            *(*frame, message.captured_at, message.media_time),
            *(person.track, person.score, *person.box),
            *person.keypoints_k3.reshape(-1).tolist(),
        )
        for person in message.people
    ]


def _imported(package: str, wanted: str) -> Any:
    try:
        return import_module(package)
    except ImportError as cause:
        raise PackageError(
            f"To make {wanted}, {package} must be installed, and it is not:"
            f" pip install {package} ({cause})."
        ) from cause
