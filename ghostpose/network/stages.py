"""Neck, initial stage and refinement stage (Osokin, Lightweight OpenPose, 2018).

Shape legend: n pictures; h, w rows and columns at stride 8; 128 feature channels throughout;
19 part confidence maps (PCM) and 38 part affinity fields (PAF).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from ghostpose.network.layers import Conv, elu, relu
from ghostpose.skeleton import PAF_CHANNELS, PCM_CHANNELS

FEATURES: Final = 128
INITIAL_HEAD_CHANNELS: Final = 512
REFINEMENT_BLOCKS: Final = 5


class StageMaps(NamedTuple):
    """One stage's output: (n, 19, h, w) and (n, 38, h, w)."""

    pcm: Tensor
    paf: Tensor


def biased(
    in_channels: int, out_channels: int, kernel: int = 1, *, activation: nn.Module | None = None
) -> Conv:
    """Return a convolution with a bias and no batch norm."""
    return Conv(in_channels, out_channels, kernel, bias=True, norm=False, activation=activation)


def head(hidden: int, out_channels: int) -> nn.Sequential:
    """Return the two 1x1 convolutions that turn features into maps."""
    return nn.Sequential(biased(FEATURES, hidden, activation=relu()), biased(hidden, out_channels))


def separable(channels: int) -> nn.Sequential:
    """Return a depthwise 3x3 and a 1x1, each with ELU, without bias or batch norm."""
    return nn.Sequential(
        Conv(channels, channels, 3, groups=channels, norm=False, activation=elu()),
        Conv(channels, channels, norm=False, activation=elu()),
    )


class Neck(nn.Module):
    """Backbone features to the 128 channels that every stage reads."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.align = biased(in_channels, FEATURES, activation=relu())
        self.trunk = nn.Sequential(*(separable(FEATURES) for _ in range(3)))
        self.out = biased(FEATURES, FEATURES, 3, activation=relu())

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(n, in, h, w) -> (n, 128, h, w)."""
        aligned_nchw = self.align(x_nchw)
        out: Tensor = self.out(aligned_nchw + self.trunk(aligned_nchw))
        return out


class InitialStage(nn.Module):
    """Three 3x3 convolutions, then a head for PCM and one for PAF."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            *(biased(FEATURES, FEATURES, 3, activation=relu()) for _ in range(3))
        )
        self.pcm = head(INITIAL_HEAD_CHANNELS, PCM_CHANNELS)
        self.paf = head(INITIAL_HEAD_CHANNELS, PAF_CHANNELS)

    def forward(self, features_nchw: Tensor) -> StageMaps:
        """(n, 128, h, w) -> maps."""
        trunk_nchw = self.trunk(features_nchw)
        return StageMaps(self.pcm(trunk_nchw), self.paf(trunk_nchw))


class RefinementBlock(nn.Module):
    """1x1, then two 3x3 with batch norm (the second dilated), added to the 1x1's output."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.reduce = biased(in_channels, FEATURES, activation=relu())
        self.trunk = nn.Sequential(
            Conv(FEATURES, FEATURES, 3, bias=True, activation=relu()),
            Conv(FEATURES, FEATURES, 3, dilation=2, bias=True, activation=relu()),
        )

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(n, in, h, w) -> (n, 128, h, w)."""
        reduced_nchw: Tensor = self.reduce(x_nchw)
        out: Tensor = reduced_nchw + self.trunk(reduced_nchw)
        return out


class RefinementStage(nn.Module):
    """Features and the maps so far to better maps."""

    def __init__(self) -> None:
        super().__init__()
        first = FEATURES + PCM_CHANNELS + PAF_CHANNELS
        ins = (first, *(FEATURES,) * (REFINEMENT_BLOCKS - 1))
        self.trunk = nn.Sequential(*map(RefinementBlock, ins))
        self.pcm = head(FEATURES, PCM_CHANNELS)
        self.paf = head(FEATURES, PAF_CHANNELS)

    def forward(self, features_nchw: Tensor, maps: StageMaps) -> StageMaps:
        """(n, 128, h, w) and maps -> maps."""
        trunk_nchw = self.trunk(torch.cat((features_nchw, maps.pcm, maps.paf), dim=1))
        return StageMaps(self.pcm(trunk_nchw), self.paf(trunk_nchw))
