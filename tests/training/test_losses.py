from __future__ import annotations

import pytest
import torch

from ghostpose.network.model import TrainingOutputs
from ghostpose.network.stages import StageMaps
from training.data.batches import Batch
from training.losses import LossConfig, cell_weights, compute_losses, neck_loss


def batch(*, neck: torch.Tensor | None = None) -> Batch:
    weight = torch.ones(2, 1, 4, 4)
    weight[1] = 0
    return Batch(
        images=torch.zeros(2, 32, 32, 3, dtype=torch.uint8),
        pcm=torch.zeros(2, 19, 4, 4),
        paf=torch.zeros(2, 38, 4, 4),
        weight=weight,
        neck=neck,
    )


def outputs(value: float, stages: int = 2) -> TrainingOutputs:
    maps = StageMaps(torch.full((2, 19, 4, 4), value), torch.full((2, 38, 4, 4), value))
    return TrainingOutputs(torch.zeros(2, 128, 4, 4), (maps,) * stages)


def test_the_loss_sums_channels_and_stages_over_known_cells() -> None:
    losses = compute_losses(outputs(0.5), batch(), LossConfig(peak=0))
    assert float(losses.total) == pytest.approx(2 * (19 + 38) * 0.25)
    assert [float(part) for part in losses.stages[0]] == pytest.approx([19 * 0.25, 38 * 0.25])


def test_unknown_cells_do_not_count() -> None:
    one = batch()
    wrong = outputs(0.0)
    wrong.stages[0].pcm[1] = 100.0
    assert float(compute_losses(wrong, one, LossConfig()).total) == 0


def test_cells_with_a_peak_count_more() -> None:
    one = batch()
    one.pcm[0, 3, 1, 2] = 1.0
    weight = cell_weights(one, peak=4)
    assert float(weight[0, 0, 1, 2] / weight[0, 0, 0, 0]) == pytest.approx(5)


def test_the_background_map_is_no_peak() -> None:
    one = batch()
    one.pcm[:, -1] = 1.0
    assert cell_weights(one, peak=4).max() == cell_weights(one, peak=4)[0].min()


def test_a_dead_channel_of_the_teacher_does_not_dominate_the_neck() -> None:
    torch.manual_seed(0)
    teachers = torch.randn(2, 128, 4, 4)
    teachers[:, 0] = 0
    mine = teachers + 0.1
    assert float(neck_loss(mine, teachers, floor=0.3)) < 0.05


def test_a_batch_without_known_cells_has_no_loss_and_no_nan() -> None:
    empty = batch()
    empty.weight.zero_()
    assert float(compute_losses(outputs(0.5), empty, LossConfig()).total) == 0
