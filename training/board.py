"""Writes a run to TensorBoard: losses, learning rate, and pictures of maps and poses.

Shape legend: h, w rows and columns; c channels of maps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from ghostpose.drawing import draw_people
from ghostpose.skeleton import BACKGROUND_CHANNEL
from ghostpose.types import Maps, Placement
from postprocess.grouping import GroupingOptions, group, to_people

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor
    from torch.utils.tensorboard import SummaryWriter

    from ghostpose.types import ByteArray, FloatArray
    from training.reporting import Averages
    from training.trainer import StepReport

_MOST_CROPS: Final = 4
"""Crops of a batch that are shown."""


class Board:
    """A run's TensorBoard folder. `show` takes averages, `on_step` what pictures are made of."""

    def __init__(self, folder: Path, *, pictures_every_steps: int, paf_offset_cells: float) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: SummaryWriter = SummaryWriter(str(folder))
        self._every, self._offset = pictures_every_steps, paf_offset_cells

    def show(self, averages: Averages) -> None:
        """Write the averages as curves."""
        for name in ("loss", "pcm", "paf", "neck", "gradient_norm", "learning_rate", "crops_per_s"):
            self._writer.add_scalar(name, getattr(averages, name), averages.step)

    def on_step(self, report: StepReport) -> None:
        """Write pictures of the first crops, now and then."""
        if report.step % self._every:
            return
        images = report.batch.images[:_MOST_CROPS].cpu().numpy()
        wanted = _maps(report.batch.pcm, report.batch.paf, self._offset)
        last = report.outputs.stages[-1]
        said = _maps(last.pcm, last.paf, self._offset)
        rows = [picture_row(*crop) for crop in zip(images, wanted, said, strict=False)]
        sheet_hw3 = np.concatenate(rows)[..., ::-1].copy()
        self._writer.add_image("wanted and said", sheet_hw3, report.step, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


def picture_row(image_hw3: ByteArray, wanted: Maps, said: Maps) -> ByteArray:
    """Return a crop's maps and poses side by side: wanted maps, said maps, said poses."""
    people = to_people(
        group(said, GroupingOptions()), Placement(1, 1), image_hw3.shape[1], image_hw3.shape[0]
    )
    columns = [heat(image_hw3, wanted), heat(image_hw3, said), draw_people(image_hw3, people)]
    return np.concatenate(columns, axis=1)


def heat(image_hw3: ByteArray, maps: Maps) -> ByteArray:
    """Return a picture with its confidence maps in red and its affinity fields in green over it."""
    pcm_hw = maps.pcm_chw[:BACKGROUND_CHANNEL].max(axis=0)
    paf_hw = np.abs(maps.paf_chw).max(axis=0)
    zero_hw = np.zeros_like(pcm_hw)
    colours = np.stack([zero_hw, paf_hw, pcm_hw], axis=-1).clip(0, 1)
    size = image_hw3.shape[1], image_hw3.shape[0]
    large = cv2.resize(colours, size, interpolation=cv2.INTER_NEAREST)
    mixed: FloatArray = 0.4 * image_hw3 + 0.6 * 255 * large
    return mixed.astype(np.uint8)


def _maps(pcm_nchw: Tensor, paf_nchw: Tensor, offset_cells: float) -> list[Maps]:
    return [
        Maps(pcm.detach().float().cpu().numpy(), paf.detach().float().cpu().numpy(), offset_cells)
        for pcm, paf in zip(pcm_nchw[:_MOST_CROPS], paf_nchw[:_MOST_CROPS], strict=True)
    ]
