"""A few of a picture's values, enough to see whether it is another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ghostpose.types import ByteArray

GRID: Final = (48, 64)
"""Rows and columns that are looked at."""


def sampled(plane_hw: ByteArray) -> ByteArray:
    """Return a copy of about `GRID` values of `plane_hw`, evenly spread; no averages.

    An average would hide the noise by which a real picture differs from the one before.
    """
    height, width = plane_hw.shape[:2]
    return plane_hw[:: max(1, height // GRID[0]), :: max(1, width // GRID[1])].copy()
