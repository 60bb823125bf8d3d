"""An exponential moving average of a network's weights: steadier than the weights themselves."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn

    from ghostpose.network.model import PoseNetwork


class Ema:
    """Averages a network's floating-point tensors, batch norm statistics included.

    Early on it averages over about a tenth of the steps so far, so that the start is forgotten.
    """

    def __init__(self, network: PoseNetwork, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after step number `step` (from 0)."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        mine, theirs = self.network.state_dict(), network.state_dict()
        floating = [name for name, tensor in mine.items() if tensor.is_floating_point()]
        torch._foreach_lerp_(
            [mine[name] for name in floating], [theirs[name] for name in floating], share
        )
        for name in mine.keys() - set(floating):
            mine[name].copy_(theirs[name])
