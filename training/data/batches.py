"""Endless batches of crops with their targets, each a function of (seed, position) alone.

So nothing but a number has to be kept to go on after a kill, and any process may make any batch.

Shape legend: n crops; h, w rows and columns (crops in pixels, maps in cells); c channels.
"""

from __future__ import annotations

import logging
import multiprocessing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ghostpose.errors import DataError
from ghostpose.network.targets import paf_targets, pcm_targets
from ghostpose.skeleton import NUM_KEYPOINTS, STRIDE
from ghostpose.sockets import shorten_multiprocessing_sockets
from training.data.augment import Crop, make_crop
from training.data.pictures import read_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import BaseContext

    from numpy.random import Generator
    from numpy.typing import NDArray

    from ghostpose.types import FloatArray
    from training.data.sources import Source
    from training.distillation.teacher import TeacherMaps

_log = logging.getLogger("batches.CropBatches")

_MOST_TRIES: Final = 50
"""So many damaged pictures in a row are no accident."""

_NEAR_LABELLED: Final = 0.1
"""Where the PCM of labelled people is above this, an ignored box around them is not ignored."""


class TargetConfig(BaseModel):
    """What the network is asked to say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sigma_px: float = Field(default=7.0, gt=0)
    """Standard deviation of a PCM peak."""

    thickness_cells: float = Field(default=1.0, gt=0)
    """How far from a limb its PAF reaches."""

    paf_offset_cells: float = 0.0
    """How far right and down the PAF are drawn; with a teacher it must be the teacher's."""

    truth: float = Field(default=1.0, ge=0, le=1)
    """With a teacher: the weight of the labels beside its maps, where people are labelled."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """n crops: pictures uint8 (n, h, w, 3), targets, weight (n, 1, h, w) 0 where nothing is known.

    `neck`: the teacher's features, or None; `damaged`: pictures that could not be read on the way.
    """

    images: Tensor
    pcm: Tensor
    paf: Tensor
    weight: Tensor
    neck: Tensor | None = None
    damaged: tuple[str, ...] = ()

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device; from pinned memory the copy goes on in the background."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        """Return the batch in memory that a GPU reads by itself; torch's DataLoader calls this."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return replace(
            self,
            images=change(self.images),
            pcm=change(self.pcm),
            paf=change(self.paf),
            weight=change(self.weight),
            neck=None if self.neck is None else change(self.neck),
        )


def distilled(batch: Batch, maps: TeacherMaps, truth: float) -> Batch:
    """Return a batch whose targets are the teacher's maps, mixed with the labels where known."""
    share_n1hw = batch.weight * truth
    return replace(
        batch,
        pcm=torch.lerp(maps.pcm_nchw, batch.pcm, share_n1hw),
        paf=torch.lerp(maps.paf_nchw, batch.paf, share_n1hw),
        weight=torch.ones_like(batch.weight),
        neck=maps.neck_nchw,
    )


class CropBatches(Dataset[Batch]):
    """Batch by number: `batches[i]` holds the crops at positions i * size to (i + 1) * size."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        size: int,
        crop_px: int,
        seed: int,
        targets: TargetConfig,
        taught: bool = False,
    ) -> None:
        """`taught`: whether a teacher says what labels leave out; else some must be there."""
        if not taught and not any(p.labelled for s in sources for p in s.pictures):
            raise DataError("no labelled pictures and no teacher: there is nothing to learn")
        self._sources, self._size, self._crop_px, self._seed = sources, size, crop_px, seed
        self._targets = targets
        self._shares = np.cumsum([source.share for source in sources])

    def __getitem__(self, index: int) -> Batch:
        """Make batch `index`; the same at every call, but for `damaged`."""
        damaged: list[str] = []
        labelled, crops = [], []
        for position in range(index * self._size, (index + 1) * self._size):
            is_labelled, crop = self._crop(position, damaged)
            labelled.append(is_labelled)
            crops.append(crop)
        images_nhw3 = np.stack([crop.image_hw3 for crop in crops])
        made = [
            _targets(crop, is_labelled, self._targets)
            for crop, is_labelled in zip(crops, labelled, strict=True)
        ]
        pcm, paf, weight = (
            torch.from_numpy(np.stack(arrays)) for arrays in zip(*made, strict=True)
        )
        return Batch(torch.from_numpy(images_nhw3), pcm, paf, weight, damaged=tuple(damaged))

    def _crop(self, position: int, damaged: list[str]) -> tuple[bool, Crop]:
        """Return the crop at a position, drawing again where a picture can't be read."""
        rng = np.random.default_rng((self._seed, position))
        for _ in range(_MOST_TRIES):
            source = self._draw_source(rng)
            picture = source.pictures[rng.integers(len(source.pictures))]
            try:
                image = read_picture(picture.path)
            except DataError as error:
                _log.warning("%s; skipped", error)
                damaged.append(str(picture.path))
                continue
            return picture.labelled, make_crop(image, picture, self._crop_px, source.augment, rng)
        raise DataError(f"{_MOST_TRIES} pictures in a row can't be read, the last {damaged[-1]}")

    def _draw_source(self, rng: Generator) -> Source:
        index = int(np.searchsorted(self._shares, rng.random(), side="right"))
        return self._sources[min(index, len(self._sources) - 1)]


def _targets(
    crop: Crop, labelled: bool, config: TargetConfig
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return PCM (19, h, w), PAF (38, h, w) and weight (1, h, w) of one crop's labels."""
    height, width = crop.image_hw3.shape[:2]
    pcm_chw = pcm_targets(crop.keypoints_pk3, height, width, sigma_px=config.sigma_px)
    paf_chw = paf_targets(
        crop.keypoints_pk3,
        height,
        width,
        thickness_cells=config.thickness_cells,
        offset_cells=config.paf_offset_cells,
    )
    known_hw = labelled * ~_ignored_cells(crop, pcm_chw)
    return pcm_chw, paf_chw, known_hw[None].astype(np.float32)


def _ignored_cells(crop: Crop, pcm_chw: FloatArray) -> NDArray[np.bool_]:
    """Return the cells (h, w) that hold people whose key points are not known."""
    rows, columns = pcm_chw.shape[1:]
    ignored_hw = crop.ignored_hw.reshape(rows, STRIDE, columns, STRIDE).any(axis=(1, 3))
    result: NDArray[np.bool_] = ignored_hw & (pcm_chw[:NUM_KEYPOINTS].max(axis=0) < _NEAR_LABELLED)
    return result


def stream(
    batches: CropBatches,
    *,
    first: int,
    last: int,
    stride: int = 1,
    workers: int = 0,
    pinned: bool = False,
) -> Iterator[Batch]:
    """Yield batches first, first + stride, ... below last, made ahead by other processes.

    `pinned`: in memory that a GPU reads by itself.
    """
    loader = DataLoader(
        batches,
        sampler=range(first, last, stride),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        multiprocessing_context=_worker_context() if workers else None,
        worker_init_fn=_start_worker if workers else None,
        pin_memory=pinned,
    )
    yield from loader


def _worker_context() -> BaseContext:
    """Return how batch-making processes start: forked from one that has imported everything.

    Started one by one from nothing, each takes seconds, and a GPU waits for all of them.
    """
    shorten_multiprocessing_sockets()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _start_worker(_: int) -> None:
    """Keep a batch-making process to one thread: the network needs the others."""
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
