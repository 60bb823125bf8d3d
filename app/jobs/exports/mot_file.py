"""MOTChallenge's results: a line a box, frames counted from 1, as TrackEval reads them.

    frame, id, left, top, width, height, score, -1, -1, -1

Frame n is the frame of seq n - 1: that of the recording itself, unless frames were skipped. The id
is the n of the track `<camera>-<n>`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postprocess.store.rows import track_number

if TYPE_CHECKING:
    from pathlib import Path

    from ghostpose.types import PoseMessage

LEAST_SCORE: Final = 0.0001
"""A box of score 0 would not count as one."""


class MotFile:
    """One session's boxes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="ascii")

    def add(self, pose: PoseMessage) -> None:
        """Write a frame's boxes."""
        for person in pose.people:
            number = track_number(pose.camera, person.track)
            box = ",".join(f"{side:.2f}" for side in person.box)
            score = max(person.score, LEAST_SCORE)
            self._file.write(f"{pose.seq + 1},{number},{box},{score:.4f},-1,-1,-1\n")

    def close(self) -> None:
        """Write the rest."""
        self._file.close()
