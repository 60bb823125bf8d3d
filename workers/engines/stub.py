"""An engine without a network: the same people in every picture, after a pause.

For tests and benchmarks of everything around the network: `--engine stub:20` answers after 20 ms.
`--engine stub:20:FILE` answers with maps that a network gave once, in turn (`save_maps`).
"""

from __future__ import annotations

import itertools
import math
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zipfile import BadZipFile

import numpy as np

from ghostpose.errors import EngineError, InvalidValueError
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
    """Answers every picture with the maps of three people standing side by side.

    With `recorded` maps it gives these instead, one after the other, again and again.
    """

    name = STUB
    device = "none"
    precision = "f32"
    lanes = 1

    def __init__(self, pause_s: float, recorded: Sequence[Maps] = ()) -> None:
        self._pause_s = pause_s
        self._recorded = itertools.cycle(recorded) if recorded else None
        self.paf_offset_cells = recorded[0].paf_offset_cells if recorded else 0.0

    def warm_up(self, height: int, width: int, batch: int = 1) -> None:  # noqa: ARG002
        """Draw the maps of this size, so that the first picture is as fast as the next."""
        standing_people(height, width)

    def infer(self, images: Sequence[ByteArray]) -> list[Maps]:
        """Return maps for each picture, after one pause a picture.

        Raises:
            InvalidValueError: recorded maps are of another size than the pictures.
        """
        if not images:
            return []
        size_hw = common_size(images)
        if self._recorded is None:
            found = [standing_people(*size_hw)] * len(images)
        else:
            found = [_checked(next(self._recorded), size_hw) for _ in images]
        time.sleep(self._pause_s * len(images))
        return found


def parse_stub(name: str) -> StubEngine:
    """Return the engine called `stub` (no pause), `stub:MS` or `stub:MS:FILE` of recorded maps.

    Raises:
        EngineError: MS is no number of milliseconds from 0 to a minute, or FILE holds no maps.
    """
    text, _, path = name.removeprefix(STUB).removeprefix(":").partition(":")
    try:
        pause_ms = float(text or "0")
    except ValueError:
        pause_ms = math.nan
    if not 0 <= pause_ms <= LONGEST_MS:
        raise EngineError(f"engine {name!r}: wanted stub:MS with 0 to {LONGEST_MS:.0f} ms")
    return StubEngine(pause_ms / 1000, _read_maps(Path(path)) if path else ())


def save_maps(path: Path, recorded: Sequence[Maps]) -> None:
    """Write maps of pictures of one size to `path` (.npz) for a stub to give again."""
    np.savez_compressed(
        path,
        pcm_nchw=np.stack([maps.pcm_chw for maps in recorded]).astype(np.float16),
        paf_nchw=np.stack([maps.paf_chw for maps in recorded]).astype(np.float16),
        paf_offset_cells=np.float32(recorded[0].paf_offset_cells),
    )


def _read_maps(path: Path) -> tuple[Maps, ...]:
    try:
        with np.load(path, allow_pickle=False) as file:
            pcm_nchw = file["pcm_nchw"].astype(np.float32)
            paf_nchw = file["paf_nchw"].astype(np.float32)
            offset = float(file["paf_offset_cells"])
            return tuple(Maps(*pair, offset) for pair in zip(pcm_nchw, paf_nchw, strict=True))
    except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile) as error:
        raise EngineError(f"engine {STUB}: {path} holds no recorded maps: {error}") from error


def _checked(maps: Maps, size_hw: tuple[int, int]) -> Maps:
    if maps.input_size_px != size_hw:
        raise InvalidValueError(
            f"engine {STUB}: recorded maps are of pictures of {maps.input_size_px}, not {size_hw}"
            " pixels, height first"
        )
    return maps


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
