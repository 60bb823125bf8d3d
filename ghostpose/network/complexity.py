"""Parameters and multiply-accumulates of our networks and of the paper's baselines, counted.

Networks are built on torch's meta device, so nothing is computed and no weights are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from ghostpose.errors import UserError
from ghostpose.network.baselines import LightweightOpenPose, OpenPose
from ghostpose.network.model import PoseNetwork
from ghostpose.network.options import PRESETS
from ghostpose.skeleton import STRIDE

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_SIDE_PX: Final = 16_384


@dataclass(frozen=True, slots=True)
class Complexity:
    """What a network costs.

    `parameters`: all that are trained, batch norms' included; `gmacs`: 1e9 multiply-accumulates
    of the convolutions for one picture.
    """

    name: str
    parameters: int
    gmacs: float


def network_builders() -> dict[str, Callable[[], nn.Module]]:
    """Return how to build each network that is compared, by name."""
    ours = {name: partial(PoseNetwork, options) for name, options in PRESETS.items()}
    return {**ours, "lightweight-openpose": LightweightOpenPose, "openpose": OpenPose}


def measure_all(height_px: int, width_px: int) -> list[Complexity]:
    """Return the complexity of every network for one picture of this size.

    Raises:
        UserError: a side is no multiple of 8.
    """
    return [measure(name, build, height_px, width_px) for name, build in network_builders().items()]


def measure(name: str, build: Callable[[], nn.Module], height_px: int, width_px: int) -> Complexity:
    """Return the complexity of the network that `build` makes, for one picture of this size.

    Raises:
        UserError: a side is no multiple of 8.
    """
    for side_px in (height_px, width_px):
        if side_px % STRIDE or not 0 < side_px <= MAX_SIDE_PX:
            raise UserError(
                f"size {height_px}x{width_px}: sides must be multiples of {STRIDE},"
                f" at most {MAX_SIDE_PX}"
            )
    with torch.device("meta"):
        network = build().eval()
        image_n3hw = torch.empty(1, 3, height_px, width_px)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Complexity(name, parameters, _convolution_macs(network, image_n3hw) / 1e9)


def _convolution_macs(network: nn.Module, image_n3hw: Tensor) -> int:
    macs: list[int] = []

    def count(module: nn.Module, _inputs: object, out_nchw: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        macs.append(out_nchw[0].numel() * module.weight[0].numel())

    hooks = [
        module.register_forward_hook(count)
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
    ]
    network(image_n3hw)
    for hook in hooks:
        hook.remove()
    return sum(macs)
