"""People in pictures by an engine and grouping, as evaluation needs them: one picture at a time.

Shape legend: h, w rows and columns; c channels of maps; p people; k the 18 key points.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from ghostpose.errors import DataError, UserError
from ghostpose.skeleton import LIMBS, MIRROR, NUM_KEYPOINTS, STRIDE
from ghostpose.types import Maps, Placement
from postprocess.grouping import group, to_people
from training.data.pictures import read_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ghostpose.types import ByteArray, FloatArray, Person
    from postprocess.grouping import GroupingOptions
    from workers.engines import Engine

_log = logging.getLogger("predict.predict_all")

_GREY: Final = (128, 128, 128)
_HALF_CELL_PX: Final = (STRIDE - 1) / 2
_PCM_MIRROR: Final = (*MIRROR, NUM_KEYPOINTS)


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """How a picture is shown to the network: at which heights, and whether mirrored too."""

    height: int = 368
    """Height of the network's input; the width keeps the aspect ratio."""

    scales: tuple[float, ...] = (1.0,)
    """Heights relative to `height` whose maps are averaged, at the resolution of the first."""

    flip: bool = False
    """Whether the mirrored picture's maps are averaged in."""

    def __post_init__(self) -> None:
        if self.height < STRIDE or not self.scales or min(self.scales) * self.height < STRIDE:
            raise UserError(
                f"height {self.height} with scales {self.scales} gives the network less than one "
                f"cell of {STRIDE} px"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What was found in one picture; `maps` only where they were asked for."""

    path: Path
    people: tuple[Person, ...]
    network_ms: float
    grouping_ms: float


@dataclass(slots=True)
class Predictions:
    """What was found in a set, and which pictures could not be read."""

    found: list[Prediction] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A picture's maps, with where the network's picture lies in it."""

    maps: Maps
    placement: Placement
    width: int
    height: int
    network_ms: float


def predict_all(
    engine: Engine,
    paths: Iterable[Path],
    view: ViewOptions,
    grouping: GroupingOptions,
    on_done: Callable[[], None] = lambda: None,
) -> Predictions:
    """Find the people of every picture; damaged ones are skipped, counted and named."""
    result = Predictions()
    for path in paths:
        try:
            image_hw3 = read_picture(path)
        except DataError as error:
            _log.warning("%s; skipped", error)
            result.damaged.append(path)
        else:
            seen = look_at(engine, image_hw3, view)
            started = time.perf_counter()
            people = people_of(seen, grouping)
            grouping_ms = 1e3 * (time.perf_counter() - started)
            result.found.append(Prediction(path, people, seen.network_ms, grouping_ms))
        on_done()
    return result


def people_of(view: View, grouping: GroupingOptions) -> tuple[Person, ...]:
    """Return the people in a view, in pixels of the picture."""
    return to_people(group(view.maps, grouping), view.placement, view.width, view.height)


def look_at(engine: Engine, image_hw3: ByteArray, options: ViewOptions) -> View:
    """Return a picture's maps, averaged over scales and mirror images if there are several."""
    height, width = image_hw3.shape[:2]
    started = time.perf_counter()
    (size, _), *others = _views(width, height, options)
    base = _infer(engine, image_hw3, *size)
    others_maps = [
        resample(_infer(engine, image_hw3, *other, mirrored=mirrored), other, size, base)
        for other, mirrored in others
    ]
    maps = _mean([base, *others_maps]) if others_maps else base
    network_ms = 1e3 * (time.perf_counter() - started)
    placement = Placement(width / size[1], height / size[0])
    return View(maps, placement, width, height, network_ms)


def resample(maps: Maps, size: tuple[int, int], to: tuple[int, int], like: Maps) -> Maps:
    """Return maps of the picture at `size` (height, width) as maps of it at size `to`.

    Their PAF offset may differ; the result has that of `like`, and its shape.
    """
    ratio = np.array([size[1] / to[1], size[0] / to[0]])
    offset = maps.paf_offset_cells, like.paf_offset_cells
    shape = like.pcm_chw.shape[1:]
    return Maps(
        _warp(maps.pcm_chw, ratio, (0.0, 0.0), shape),
        _warp(maps.paf_chw, ratio, offset, shape),
        like.paf_offset_cells,
    )


def mirror(maps: Maps, columns: int) -> Maps:
    """Return maps of a mirrored picture of `columns` pixels as maps of the picture itself.

    A field that sat right of its limb in the mirrored picture sits left of it afterwards, so the
    offset changes its sign. Columns of padding to the right come out on the left and are cut off.
    """
    sign_2 = np.ones(maps.paf_chw.shape[0], np.float32)
    channels = np.arange(maps.paf_chw.shape[0])
    by_ends = {(limb.start, limb.end): limb for limb in LIMBS}
    for limb in LIMBS:
        other = by_ends[MIRROR[limb.start], MIRROR[limb.end]]
        channels[[limb.paf_x, limb.paf_y]] = other.paf_x, other.paf_y
        sign_2[limb.paf_x] = -1
    pcm = _mirror_columns(maps.pcm_chw[list(_PCM_MIRROR)], columns)
    paf = _mirror_columns(maps.paf_chw[channels] * sign_2[:, None, None], columns)
    return Maps(pcm, paf, -maps.paf_offset_cells)


def _mirror_columns(chw: FloatArray, columns: int) -> FloatArray:
    """Return maps with pixel x moved to columns - 1 - x; exact where columns make whole cells."""
    # cell u of the result shows pixel 8u + 3.5, which is pixel columns - 1 - (8u + 3.5) of ours
    last = (columns - 1 - 2 * _HALF_CELL_PX) / STRIDE
    height, width = chw.shape[1:]
    matrix_23 = np.array([[-1.0, 0.0, last], [0.0, 1.0, 0.0]])
    return _sample(chw, matrix_23, (height, width))


def _views(width: int, height: int, options: ViewOptions) -> list[tuple[tuple[int, int], bool]]:
    """Return size (rows, columns) and mirrored of every view, the first one not mirrored."""
    return [
        (_fit(width, height, round(scale * options.height)), mirrored)
        for scale in options.scales
        for mirrored in ((False, True) if options.flip else (False,))
    ]


def _fit(width: int, height: int, rows: int) -> tuple[int, int]:
    return rows, max(1, round(width * rows / height))


def _infer(
    engine: Engine, image_hw3: ByteArray, rows: int, columns: int, *, mirrored: bool = False
) -> Maps:
    """Return the maps of a picture resized to rows x columns and padded to whole cells."""
    maps = engine.infer([_padded(image_hw3, rows, columns, mirrored=mirrored)])[0]
    return mirror(maps, columns) if mirrored else maps


def network_picture(image_hw3: ByteArray, rows: int) -> ByteArray:
    """Return a picture as the network sees it at a height of `rows`: resized, sides padded."""
    return _padded(image_hw3, *_fit(image_hw3.shape[1], image_hw3.shape[0], rows))


def _padded(image_hw3: ByteArray, rows: int, columns: int, *, mirrored: bool = False) -> ByteArray:
    shrinks = rows <= image_hw3.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    small = cv2.resize(image_hw3, (columns, rows), interpolation=how)
    if mirrored:
        small = small[:, ::-1]
    padded = cv2.copyMakeBorder(
        small, 0, -rows % STRIDE, 0, -columns % STRIDE, cv2.BORDER_CONSTANT, value=_GREY
    )
    return np.asarray(padded, np.uint8)


def _warp(
    chw: FloatArray, ratio: FloatArray, offset: tuple[float, float], shape: tuple[int, ...]
) -> FloatArray:
    """Sample maps at another scale: `ratio` ours per wanted pixel (x, y), `offset` ours, wanted."""
    # wanted cell v, less its offset, is at pixel 8v + 3.5; pixel centres scale about -0.5
    shift = ((_HALF_CELL_PX + 0.5) * ratio - 0.5 - _HALF_CELL_PX) / STRIDE
    move = shift - ratio * offset[1] + offset[0]
    matrix_23 = np.array([[ratio[0], 0.0, move[0]], [0.0, ratio[1], move[1]]])
    return _sample(chw, matrix_23, (shape[0], shape[1]))


def _sample(chw: FloatArray, matrix_23: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Return maps of `shape` whose cell (x, y) is read at matrix (x, y, 1), bilinear."""
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    layers = [
        cv2.warpAffine(
            layer, matrix_23, (shape[1], shape[0]), flags=how, borderMode=cv2.BORDER_REPLICATE
        )
        for layer in chw
    ]
    return np.asarray(np.stack(layers), np.float32)


def _mean(all_maps: list[Maps]) -> Maps:
    pcm = np.mean([maps.pcm_chw for maps in all_maps], axis=0, dtype=np.float32)
    paf = np.mean([maps.paf_chw for maps in all_maps], axis=0, dtype=np.float32)
    return Maps(np.asarray(pcm), np.asarray(paf), all_maps[0].paf_offset_cells)
