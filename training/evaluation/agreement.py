"""How near an engine's maps come to the teacher's on pictures that nobody has labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ghostpose.errors import DataError
from training.data.pictures import read_picture
from training.evaluation.predict import ViewOptions, look_at

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ghostpose.types import Maps
    from workers.engines import Engine


def map_distance(maps: Maps, teachers: Maps) -> float:
    """Return the squared error of PCM and PAF as a share of the teacher's energy: 0 is equal.

    The background channel is left out: nothing reads it, and it would drown the others.
    """
    mine = maps.pcm_chw[:-1], maps.paf_chw
    theirs = teachers.pcm_chw[:-1], teachers.paf_chw
    error = sum(float(((a - b) ** 2).sum()) for a, b in zip(mine, theirs, strict=True))
    return error / max(1e-9, sum(float((b**2).sum()) for b in theirs))


def mean_agreement(
    engine: Engine, teacher: Engine, paths: Iterable[Path], view: ViewOptions
) -> float:
    """Return 1 - the median map distance over pictures: 1 is the teacher itself, 0 says nothing.

    Raises:
        DataError: there is no picture.
    """
    distances = []
    for path in paths:
        image_hw3 = read_picture(path)
        mine, theirs = (look_at(each, image_hw3, view).maps for each in (engine, teacher))
        distances.append(map_distance(mine, theirs))
    if not distances:
        raise DataError("no unlabelled picture to compare with the teacher on")
    return 1 - float(np.median(distances))
