"""Ground truth of tracking as MOTChallenge writes it: a line a box, frames counted from 1.

    frame, id, left, top, width, height, counts, ...

Only lines whose seventh field isn't 0 count: the others are boxes that nobody is judged by (people
on posters, in cars ...). What follows the seventh field differs between years and isn't read.

Shape legend: n boxes; t true people of one frame; 4 = left, top, width, height in source pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAX_FILE_BYTES: Final = 100_000_000
"""A larger file is refused before it is read."""

_FIELDS: Final = 7
_FRAME, _ID, _COUNTS = 0, 1, 6


@dataclass(frozen=True, slots=True, eq=False)
class TrueFrame:
    """Who is in one frame: numbers of people from 0, and their boxes (t, 4)."""

    person_t: NDArray[np.intp]
    box_t4: NDArray[np.float64]


NOBODY: Final = TrueFrame(np.zeros(0, np.intp), np.zeros((0, 4)))


@dataclass(frozen=True, slots=True)
class Truth:
    """A sequence's ground truth, by frame number from 1; frames without people may be missing."""

    frames: dict[int, TrueFrame]

    @property
    def last(self) -> int:
        """The last frame that anybody is in; what comes after it can't be judged."""
        return max(self.frames)

    def at(self, number: int) -> TrueFrame:
        """Return who is in a frame, numbered from 1."""
        return self.frames.get(number, NOBODY)


def read_truth(path: Path) -> Truth:
    """Read a `gt.txt`.

    Raises:
        DataError: it can't be read, a line is no box, a person is twice in a frame, or no box
            counts.
    """
    box_n7 = _read(path)
    box_n7 = box_n7[box_n7[:, _COUNTS] != 0]
    if not len(box_n7):
        raise DataError(f"ground truth {path} has no box that counts (seventh field not 0)")
    _, person_n = np.unique(box_n7[:, _ID], return_inverse=True)
    frames = {}
    for number in np.unique(box_n7[:, _FRAME]):
        here_n = box_n7[:, _FRAME] == number
        if len(np.unique(person_n[here_n])) < here_n.sum():
            raise DataError(f"ground truth {path} has a person twice in frame {number:g}")
        frames[int(number)] = TrueFrame(person_n[here_n], box_n7[here_n, 2:6])
    return Truth(frames)


def _read(path: Path) -> NDArray[np.float64]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise DataError(f"ground truth {path} has over {MAX_FILE_BYTES} bytes")
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"ground truth {path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"ground truth {path} is no text: wanted MOTChallenge's gt.txt") from error
    rows = [_box(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    return np.array(rows, np.float64).reshape(-1, _FIELDS)


def _box(path: Path, number: int, line: str) -> list[float]:
    try:
        values = [float(field) for field in line.split(",")[:_FIELDS]]
    except ValueError:
        values = []
    if len(values) < _FIELDS or not np.isfinite(values).all() or values[_FRAME] < 1:
        raise DataError(
            f"ground truth {path}, line {number}: wanted frame,id,left,top,width,height,counts"
            f" with frames from 1, got {line[:80]!r}"
        )
    return values
