from __future__ import annotations

import pytest
import torch
from torch import nn

from ghostpose.network.model import PoseNetwork
from ghostpose.network.options import PRESETS
from training.optimiser import (
    OptimiserConfig,
    learning_rate,
    make_optimisers,
    orthogonal,
    split_parameters,
)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("kind", ["adam", "adamw", "muon"])
def test_every_parameter_is_moved_by_exactly_one_group(name: str, kind: str) -> None:
    network = PoseNetwork(PRESETS[name])
    optimisers = make_optimisers(network, OptimiserConfig(kind=kind))  # type: ignore[arg-type]
    moved = [id(p) for o in optimisers for group in o.param_groups for p in group["params"]]
    assert sorted(moved) == sorted(id(p) for p in network.parameters())


def test_biases_and_batch_norms_do_not_decay() -> None:
    network = PoseNetwork()
    (optimiser,) = make_optimisers(network, OptimiserConfig(weight_decay=0.1))
    plain = {
        id(p)
        for module in network.modules()
        for name, p in module.named_parameters(recurse=False)
        if isinstance(module, nn.BatchNorm2d) or name == "bias"
    }
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            assert (group["weight_decay"] == 0) == (id(parameter) in plain)


def test_a_parameter_of_an_unknown_kind_is_noticed() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.zeros(3, 4))

    with pytest.raises(AssertionError, match="in no group"):
        split_parameters(Odd())


@pytest.mark.parametrize("shape", [(16, 16), (8, 40), (40, 8)])
def test_muons_step_moves_every_direction_about_equally(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    singular = torch.linalg.svdvals(orthogonal(torch.randn(2, *shape)))
    assert singular.max() < 1.3
    assert singular.min() > 0.4


@pytest.mark.parametrize("kind", ["adam", "adamw", "muon"])
def test_optimisers_fit_a_small_convolution(kind: str) -> None:
    torch.manual_seed(0)
    teacher, student = nn.Conv2d(4, 8, 3), nn.Conv2d(4, 8, 3)
    optimisers = make_optimisers(student, OptimiserConfig(kind=kind, lr=0.02))  # type: ignore[arg-type]
    x = torch.randn(16, 4, 8, 8)
    losses = []
    for _ in range(60):
        loss = ((student(x) - teacher(x).detach()) ** 2).mean()
        losses.append(float(loss.detach()))
        student.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize(
    ("schedule", "step", "progress", "share", "sentence"),
    [
        ("cosine", 4, 0.0, 0.5, "half of the warm-up"),
        ("cosine", 50, 0.5, 0.5, "half of the cosine"),
        ("cosine", 99, 1.0, 0.0, "the end of the cosine"),
        ("step", 50, 0.5, 1.0, "before the first milestone"),
        ("step", 70, 0.7, 1 / 3, "after the first milestone"),
        ("step", 90, 0.9, 1 / 9, "after the second milestone"),
        ("constant", 90, 0.9, 1.0, "a constant stays"),
    ],
)
def test_learning_rate_follows_its_schedule(
    schedule: str, step: int, progress: float, share: float, sentence: str
) -> None:
    config = OptimiserConfig(lr=2.0, schedule=schedule, warm_up_steps=10)  # type: ignore[arg-type]
    assert learning_rate(config, step, progress) == pytest.approx(2 * share), sentence
