"""An engine without a network: the same people in every picture, after a pause.

For tests and benchmarks of everything around the network: `--engine stub:20` answers after 20 ms.
"""

from __future__ import annotations

import math
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.errors import EngineError
from ghostpose.network.targets import add_necks, paf_targets, pcm_targets
from ghostpose.skeleton import NUM_KEYPOINTS
from ghostpose.types import Maps
from workers.engines import STUB
from workers.engines.padding import common_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.types import ByteArray, FloatArray

PEOPLE: Final = 3
LONGEST_MS: Final = 60_000.0

_STANDING_K2: Final = np.array(
    [
        (0.50, 0.08), (0.50, 0.20), (0.40, 0.20), (0.36, 0.36), (0.34, 0.50), (0.60, 0.20),
        (0.64, 0.36), (0.66, 0.50), (0.44, 0.52), (0.43, 0.74), (0.42, 0.96), (0.56, 0.52),
        (0.57, 0.74), (0.58, 0.96), (0.48, 0.05), (0.52, 0.05), (0.45, 0.07), (0.55, 0.07),
    ],
    np.float32,
)  # fmt: skip
"""Key points of somebody standing, in a square of side 1."""


class StubEngine:
    """Answers every picture with the maps of three people standing side by side."""

    name = STUB
    device = "none"
    precision = "f32"
    paf_offset_cells = 0.0

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s

    def warm_up(self, height: int, width: int, batch: int = 1) -> None:  # noqa: ARG002
        """Draw the maps of this size, so that the first picture is as fast as the next."""
        standing_people(height, width)

    def infer(self, images: Sequence[ByteArray]) -> list[Maps]:
        """Return the same maps for each picture, after one pause a picture."""
        if not images:
            return []
        maps = standing_people(*common_size(images))
        time.sleep(self._pause_s * len(images))
        return [maps] * len(images)


def parse_stub(name: str) -> StubEngine:
    """Return the engine called `stub` (no pause) or `stub:MS`.

    Raises:
        EngineError: MS is no number of milliseconds from 0 to a minute.
    """
    text = name.removeprefix(STUB).removeprefix(":") or "0"
    try:
        pause_ms = float(text)
    except ValueError:
        pause_ms = math.nan
    if not 0 <= pause_ms <= LONGEST_MS:
        raise EngineError(f"engine {name!r}: wanted stub:MS with 0 to {LONGEST_MS:.0f} ms")
    return StubEngine(pause_ms / 1000)


@lru_cache(maxsize=16)
def standing_people(height: int, width: int) -> Maps:
    """Return the maps of three people standing in a picture of this size in pixels."""
    people_pk3 = _people(height, width)
    return Maps(pcm_targets(people_pk3, height, width), paf_targets(people_pk3, height, width))


def _people(height: int, width: int) -> FloatArray:
    size_px = 0.8 * min(height, width / PEOPLE * 2)
    people_pk3 = np.ones((PEOPLE, NUM_KEYPOINTS, 3), np.float32)
    for number in range(PEOPLE):
        middle_px = (number + 0.5) * width / PEOPLE
        corner_px = np.array([middle_px - size_px / 2, 0.1 * height], np.float32)
        people_pk3[number, :, :2] = corner_px + size_px * _STANDING_K2
    return add_necks(people_pk3)
