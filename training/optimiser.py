"""Optimiser, its parameter groups, and the learning rate over a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_NEWTON_SCHULZ: Final = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration of Muon (Jordan et al., 2024)."""

_NEWTON_SCHULZ_STEPS: Final = 5


class OptimiserConfig(BaseModel):
    """How weights move."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["adam", "adamw", "muon"] = "adamw"
    """`muon` moves the weights of dense convolutions by Muon, all others by AdamW."""

    lr: float = Field(default=1e-3, gt=0)
    """Learning rate after the warm-up."""

    weight_decay: float = Field(default=1e-4, ge=0)
    """Decay of convolutions' weights; biases and batch norms have none."""

    schedule: Literal["cosine", "step", "constant"] = "cosine"
    """`cosine` falls to `lr_end`; `step` falls by 3 after each of `milestones`."""

    lr_end: float = Field(default=0.0, ge=0)
    """Share of `lr` that is left at the end of a cosine."""

    milestones: tuple[float, ...] = (0.6, 0.85)
    """Where a step schedule falls, as shares of the run."""

    warm_up_steps: int = Field(default=100, ge=0)
    """Steps over which the learning rate rises."""

    clip: float = Field(default=1.0, gt=0)
    """Largest norm of all gradients together; larger ones are scaled down."""


@dataclass(frozen=True, slots=True)
class ParameterGroups:
    """Every trainable parameter of a network, each in exactly one group."""

    dense: tuple[Tensor, ...]
    """Weights of convolutions over all channels: matrices, decayed."""

    grouped: tuple[Tensor, ...]
    """Weights of depthwise convolutions, decayed."""

    plain: tuple[Tensor, ...]
    """Biases and batch norms, not decayed."""


def split_parameters(network: nn.Module) -> ParameterGroups:
    """Return the parameter groups of a network; asserts that they cover it without overlap.

    Parameters that are not to be trained (`requires_grad`) are in none.
    """
    dense: list[Tensor] = []
    grouped: list[Tensor] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            groups = module.groups if isinstance(module, nn.Conv2d) else 1
            if module.weight.requires_grad:
                (dense if groups == 1 else grouped).append(module.weight)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    decayed = {id(parameter) for parameter in (*dense, *grouped)}
    plain = [parameter for parameter in trained if id(parameter) not in decayed]
    for parameter in plain:
        assert parameter.ndim == 1, f"a weight of shape {tuple(parameter.shape)} is in no group"
    ours = sorted(id(p) for p in (*dense, *grouped, *plain))
    assert ours == sorted(map(id, trained)), "groups miss or repeat parameters"
    return ParameterGroups(tuple(dense), tuple(grouped), tuple(plain))


def make_optimisers(
    network: nn.Module, config: OptimiserConfig
) -> tuple[torch.optim.Optimizer, ...]:
    """Return the optimisers that together move every parameter of the network once."""
    groups = split_parameters(network)
    if config.kind == "adam":
        decayed = {"params": [*groups.dense, *groups.grouped], "weight_decay": config.weight_decay}
        plain: dict[str, Any] = {"params": list(groups.plain), "weight_decay": 0.0}
        return (torch.optim.Adam([decayed, plain], lr=config.lr),)
    rest = list(groups.grouped)
    muons: tuple[torch.optim.Optimizer, ...] = ()
    if config.kind == "muon":
        muons = (Muon(groups.dense, lr=config.lr, weight_decay=config.weight_decay),)
    else:
        rest += groups.dense
    adam_groups = [
        {"params": rest, "weight_decay": config.weight_decay},
        {"params": list(groups.plain), "weight_decay": 0.0},
    ]
    return (*muons, torch.optim.AdamW(adam_groups, lr=config.lr, betas=(0.9, 0.99)))


class Muon(torch.optim.Optimizer):
    """Momentum whose step is made orthogonal: every direction of a matrix moves equally far.

    Scaled so that a step is as large as AdamW's, so both take one learning rate (Liu et al., "Muon
    is scalable for LLM training", 2025). Convolutions are taken as (out, in x k x k) matrices.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient, those of one shape together."""
        assert closure is None, "Muon takes no closure"
        for group in self.param_groups:
            shapes: dict[tuple[int, ...], list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes.setdefault(tuple(parameter.shape), []).append(parameter)
            for parameters in shapes.values():
                self._move(parameters, group)

    def _move(self, parameters: Sequence[Tensor], group: Mapping[str, Any]) -> None:
        lr, momentum = group["lr"], group["momentum"]
        matrices_mij = torch.stack([self._ahead(one, momentum).flatten(1) for one in parameters])
        size = 0.2 * math.sqrt(max(matrices_mij.shape[1:]))
        steps = orthogonal(matrices_mij).unbind()
        torch._foreach_mul_(list(parameters), 1 - lr * group["weight_decay"])
        torch._foreach_add_(
            list(parameters),
            [step.view(one.shape) for step, one in zip(steps, parameters, strict=True)],
            alpha=-lr * size,
        )

    def _ahead(self, parameter: Tensor, momentum: float) -> Tensor:
        """Return the gradient mixed with its running mean, which it goes into (Nesterov)."""
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        smooth = state["momentum"].mul_(momentum).add_(gradient, alpha=1 - momentum)
        return torch.lerp(gradient, smooth, momentum)


def orthogonal(matrices_mij: Tensor) -> Tensor:
    """Return about the nearest matrices whose singular values are all 1 (Newton-Schulz)."""
    a, b, c = _NEWTON_SCHULZ
    tall = matrices_mij.shape[1] > matrices_mij.shape[2]
    norm_m11 = matrices_mij.norm(dim=(1, 2), keepdim=True)
    x: Tensor = (matrices_mij.mT if tall else matrices_mij) / (norm_m11 + 1e-7)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        square = x @ x.mT
        x = torch.baddbmm(x, b * square + c * square @ square, x, beta=a)
    return x.mT if tall else x


def learning_rate(config: OptimiserConfig, step: int, progress: float) -> float:
    """Return the learning rate of a step; `progress` is the share of the run done, 0 to 1."""
    warm = min(1.0, (step + 1) / config.warm_up_steps) if config.warm_up_steps else 1.0
    if config.schedule == "cosine":
        fall = config.lr_end + (1 - config.lr_end) * (1 + math.cos(math.pi * min(progress, 1))) / 2
    elif config.schedule == "step":
        fall = 3.0 ** -sum(progress >= milestone for milestone in config.milestones)
    else:
        fall = 1.0
    return config.lr * warm * fall


def set_learning_rate(optimisers: Sequence[torch.optim.Optimizer], lr: float) -> None:
    """Give every group of every optimiser this learning rate."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = lr
