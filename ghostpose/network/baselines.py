"""The two networks that the paper compares itself with; only their shape matters here, no weights.

`LightweightOpenPose`: MobileNet v1 to stride 8 (Osokin, 2018). `OpenPose`: VGG-19 and six stages of
two branches each (Cao et al., 2017).

Shape legend: n pictures; c channels; h, w rows and columns.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from ghostpose.network.layers import Conv, relu
from ghostpose.network.stages import (
    FEATURES,
    INITIAL_HEAD_CHANNELS,
    InitialStage,
    Neck,
    RefinementStage,
    StageMaps,
    biased,
    head,
)
from ghostpose.skeleton import PAF_CHANNELS, PCM_CHANNELS


class MobileRow(NamedTuple):
    """One depthwise separable block of MobileNet v1."""

    out: int
    stride: int = 1
    dilation: int = 1


MOBILENET_STEM: Final = 32

MOBILENET: Final = (
    MobileRow(64),
    MobileRow(128, stride=2),
    MobileRow(128),
    MobileRow(256, stride=2),
    MobileRow(256),
    MobileRow(512),
    MobileRow(512, dilation=2),
    MobileRow(512),
    MobileRow(512),
    MobileRow(512),
    MobileRow(512),
)
"""MobileNet v1 without its last stride; dilation keeps the field of view."""


class LightweightOpenPose(nn.Module):
    """MobileNet v1, then the same neck and stages as ours (one refinement stage)."""

    def __init__(self) -> None:
        super().__init__()
        ins = (MOBILENET_STEM, *(row.out for row in MOBILENET[:-1]))
        self.backbone = nn.Sequential(
            Conv(3, MOBILENET_STEM, 3, stride=2, activation=relu()),
            *map(_mobile_block, ins, MOBILENET),
        )
        self.neck = Neck(MOBILENET[-1].out)
        self.initial = InitialStage()
        self.refinement = RefinementStage()

    def forward(self, image_n3hw: Tensor) -> StageMaps:
        """Normalised BGR -> maps of the last stage."""
        features_nchw = self.neck(self.backbone(image_n3hw))
        maps: StageMaps = self.refinement(features_nchw, self.initial(features_nchw))
        return maps


def _mobile_block(in_channels: int, row: MobileRow) -> nn.Sequential:
    return nn.Sequential(
        Conv(
            in_channels,
            in_channels,
            3,
            stride=row.stride,
            dilation=row.dilation,
            groups=in_channels,
            activation=relu(),
        ),
        Conv(in_channels, row.out, activation=relu()),
    )


VGG_19: Final = ((64, 64), (128, 128), (256, 256, 256, 256), (512, 512))
"""Channels of the first ten convolutions of VGG-19, a max-pool between the groups."""

VGG_NECK: Final = 256

OPENPOSE_STAGES: Final = 6


class OpenPose(nn.Module):
    """The first ten convolutions of VGG-19, then six stages, each a PCM and a PAF branch."""

    def __init__(self) -> None:
        super().__init__()
        refining = (_RefiningStage() for _ in range(OPENPOSE_STAGES - 1))
        self.backbone = _vgg()
        self.stages = nn.ModuleList([_FirstStage(), *refining])

    def forward(self, image_n3hw: Tensor) -> StageMaps:
        """Normalised BGR -> maps of the last stage."""
        features_nchw: Tensor = self.backbone(image_n3hw)
        x_nchw = features_nchw
        for stage in self.stages:
            maps: StageMaps = stage(x_nchw)
            x_nchw = torch.cat((features_nchw, maps.pcm, maps.paf), dim=1)
        return maps


class _FirstStage(nn.Module):
    """Per branch three 3x3, then a 1x1 to 512 and a 1x1 to the maps."""

    def __init__(self) -> None:
        super().__init__()
        self.pcm = self._branch(PCM_CHANNELS)
        self.paf = self._branch(PAF_CHANNELS)

    @staticmethod
    def _branch(out_channels: int) -> nn.Sequential:
        convs = (biased(FEATURES, FEATURES, 3, activation=relu()) for _ in range(3))
        return nn.Sequential(*convs, head(INITIAL_HEAD_CHANNELS, out_channels))

    def forward(self, x_nchw: Tensor) -> StageMaps:
        """(n, 128, h, w) -> maps."""
        return StageMaps(self.pcm(x_nchw), self.paf(x_nchw))


class _RefiningStage(nn.Module):
    """Per branch five 7x7, then a 1x1 to 128 and a 1x1 to the maps."""

    def __init__(self) -> None:
        super().__init__()
        self.pcm = self._branch(PCM_CHANNELS)
        self.paf = self._branch(PAF_CHANNELS)

    @staticmethod
    def _branch(out_channels: int) -> nn.Sequential:
        ins = (FEATURES + PCM_CHANNELS + PAF_CHANNELS, *(FEATURES,) * 4)
        convs = (biased(channels, FEATURES, 7, activation=relu()) for channels in ins)
        return nn.Sequential(*convs, head(FEATURES, out_channels))

    def forward(self, x_nchw: Tensor) -> StageMaps:
        """(n, 185, h, w) -> maps."""
        return StageMaps(self.pcm(x_nchw), self.paf(x_nchw))


def _vgg() -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 3
    for group in VGG_19:
        if layers:
            layers.append(nn.MaxPool2d(2))
        for out in group:
            layers.append(biased(channels, out, 3, activation=relu()))
            channels = out
    for out in (VGG_NECK, FEATURES):
        layers.append(biased(channels, out, 3, activation=relu()))
        channels = out
    return nn.Sequential(*layers)
