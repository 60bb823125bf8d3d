"""Pictures that show nothing new: the same one again and again, or a blank one.

A camera whose sensor hangs, or whose recorder loops its last picture, sends well-formed pictures
for ever. What tells them from a scene where nothing moves is noise: no sensor gives the same values
twice, and an encoder that smooths a still scene into exact repeats still lets it through in each
keyframe. So a picture counts as the same only if not one of some 3,000 values has changed by more
than an encoder's rounding, and it counts as frozen only after many keyframes' time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from ghostpose.types import ByteArray

ROUNDING: Final = 2
"""Values of one picture encoded twice differ by so much, of 255."""

BLANK_RANGE: Final = 3
"""A picture whose brightest and darkest value are no further apart shows nothing."""


def is_blank(sample: ByteArray) -> bool:
    """Return whether a picture is of one colour: no signal, a covered lens, a decoder's filling."""
    return int(sample.max()) - int(sample.min()) <= BLANK_RANGE


@dataclass(slots=True)
class Stillness:
    """How long the same picture has been coming; outlives sessions, since a freeze does.

    `now_s` is any clock that only grows.
    """

    _first: ByteArray | None = None
    _since_s: float = 0.0
    _latest_s: float = 0.0

    def look(self, sample: ByteArray, now_s: float) -> None:
        """Take the next picture's `sample` in."""
        if self._first is None or not _same(self._first, sample):
            self._first, self._since_s = sample, now_s
        self._latest_s = now_s

    def again(self, now_s: float) -> None:
        """Note that the source said itself that the picture is the one before."""
        if self._first is not None:
            self._latest_s = now_s

    @property
    def length_s(self) -> float:
        """How long the latest picture had been coming when it came last."""
        return self._latest_s - self._since_s


def _same(one: ByteArray, other: ByteArray) -> bool:
    if one.shape != other.shape:
        return False
    return int(np.abs(one.astype(np.int16) - other.astype(np.int16)).max()) <= ROUNDING
