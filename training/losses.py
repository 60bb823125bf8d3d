"""The training loss: squared error of every stage's maps, and of the neck's features.

Shape legend: n crops; c channels; h, w rows and columns of the maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

if TYPE_CHECKING:
    from ghostpose.network.model import TrainingOutputs
    from training.data.batches import Batch


class LossConfig(BaseModel):
    """What counts how much."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    peak: float = Field(default=4.0, ge=0)
    """A cell counts 1 + peak x the strongest target there: most cells are background."""

    pcm: float = Field(default=1.0, ge=0)
    """Weight of the confidence maps."""

    paf: float = Field(default=1.0, ge=0)
    """Weight of the affinity fields."""

    neck: float = Field(default=0.0, ge=0)
    """Weight of the neck's distance to the teacher's, each channel divided by its spread."""

    neck_floor: float = Field(default=0.3, gt=0)
    """No channel's spread counts as less than this much of the median one: some are dead."""


@dataclass(frozen=True, slots=True)
class Losses:
    """The loss of a batch and its parts; `stages` holds (PCM, PAF) of each stage, unweighted."""

    total: Tensor
    stages: tuple[tuple[Tensor, Tensor], ...]
    neck: Tensor | None


def compute_losses(outputs: TrainingOutputs, batch: Batch, config: LossConfig) -> Losses:
    """Return the loss of a batch: summed over channels and stages, averaged over known cells."""
    weight_n1hw = cell_weights(batch, config.peak)
    stages = tuple(
        (
            _map_loss(stage.pcm, batch.pcm, weight_n1hw),
            _map_loss(stage.paf, batch.paf, weight_n1hw),
        )
        for stage in outputs.stages
    )
    total = sum((config.pcm * pcm + config.paf * paf for pcm, paf in stages), torch.zeros(()))
    neck = None
    if config.neck and batch.neck is not None:
        neck = neck_loss(outputs.neck, batch.neck, config.neck_floor)
        total = total + config.neck * neck
    return Losses(total, stages, neck)


def cell_weights(batch: Batch, peak: float) -> Tensor:
    """Return how much each cell counts (n, 1, h, w); sums to 1 over known cells without peaks."""
    pcm_n1hw = batch.pcm[:, :-1].amax(dim=1, keepdim=True)
    paf_n1hw = batch.paf.abs().amax(dim=1, keepdim=True)
    strongest_n1hw = torch.maximum(pcm_n1hw, paf_n1hw).clamp(0, 1)
    known = batch.weight.sum().clamp(min=1)
    return batch.weight * (1 + peak * strongest_n1hw) / known


def neck_loss(mine_nchw: Tensor, teachers_nchw: Tensor, floor: float) -> Tensor:
    """Return the mean squared distance, each channel divided by its spread in this batch."""
    spread_c = teachers_nchw.std(dim=(0, 2, 3))
    spread_c = torch.maximum(spread_c, spread_c.median() * floor + 1e-6)
    return (((mine_nchw.float() - teachers_nchw) / spread_c[:, None, None]) ** 2).mean()


def _map_loss(mine_nchw: Tensor, wanted_nchw: Tensor, weight_n1hw: Tensor) -> Tensor:
    return ((mine_nchw.float() - wanted_nchw) ** 2 * weight_n1hw).sum()
