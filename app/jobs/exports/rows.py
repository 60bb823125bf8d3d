"""The table that Parquet and CSV hold: a row a person in a frame; frames with nobody have none.

Pixels are the source picture's, whole numbers being pixel centres; a key point that wasn't found is
null in Parquet, empty in CSV, and NaN in pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ghostpose.skeleton import KEYPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghostpose.types import PoseMessage

    Value = str | int | float | None

FRAME_COLUMNS: Final = (
    "camera", "session", "seq", "captured_at", "media_time", "width", "height",
)  # fmt: skip
PERSON_COLUMNS: Final = ("track", "score", "x", "y", "w", "h")
KEYPOINT_COLUMNS: Final = tuple(
    f"{name}_{part}" for name in KEYPOINTS for part in ("x", "y", "score")
)
COLUMNS: Final = (*FRAME_COLUMNS, *PERSON_COLUMNS, *KEYPOINT_COLUMNS)

DIGITS: Final = 4
"""Decimals of pixels and scores, far below what the store keeps of either."""


def rows_of(pose: PoseMessage) -> Iterator[tuple[Value, ...]]:
    """Give a row for each person of a frame, its values in the order of `COLUMNS`."""
    frame = (
        *(pose.camera, pose.session, pose.seq),
        *(pose.captured_at, pose.media_time, pose.width, pose.height),
    )
    for person in pose.people:
        box = (round(side, DIGITS) for side in person.box)
        points: list[Value] = []
        for x, y, score in person.keypoints_k3.tolist():
            seen = score > 0
            points += [round(v, DIGITS) if seen else None for v in (x, y, score)]
        yield (*frame, person.track, round(person.score, DIGITS), *box, *points)
