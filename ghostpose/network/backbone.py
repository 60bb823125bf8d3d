"""The Ghost backbone: the paper's Table 2, to stride 8.

A Ghost module makes half of its channels with a 1x1 convolution and the other half from those with
a cheap depthwise 3x3 (Han et al., GhostNet, 2020). A Ghost bottleneck expands with one Ghost
module, strides with a depthwise convolution, and projects with a second Ghost module.

Shape legend: n pictures; c channels; h, w rows and columns of the input at that point.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from ghostpose.network.layers import Conv, depthwise, relu


class Row(NamedTuple):
    """One Ghost bottleneck of Table 2; channels are for width 1."""

    kernel: int
    expanded: int
    out: int
    squeeze_excite: bool
    stride: int


STEM_CHANNELS: Final = 16

TABLE_2: Final = (
    Row(3, 16, 16, False, 1),
    Row(3, 48, 24, False, 2),
    Row(3, 72, 24, False, 1),
    Row(5, 72, 40, True, 2),
    Row(5, 120, 40, True, 1),
    Row(3, 240, 80, False, 1),
    Row(3, 200, 80, False, 1),
    Row(3, 184, 80, False, 1),
    Row(3, 184, 80, False, 1),
    Row(3, 480, 112, True, 1),
    Row(3, 672, 112, True, 1),
)

_SE_REDUCTION: Final = 4
_DIVISOR: Final = 4


def divisible(channels: float) -> int:
    """Round to a multiple of 4, never losing more than a tenth (MobileNet v2's rule)."""
    rounded = max(_DIVISOR, int(channels + _DIVISOR / 2) // _DIVISOR * _DIVISOR)
    return rounded + _DIVISOR if rounded < 0.9 * channels else rounded


class GhostModule(nn.Module):
    """1x1 convolution to half the channels, depthwise 3x3 on that, both concatenated."""

    def __init__(self, in_channels: int, out_channels: int, *, activate: bool) -> None:
        super().__init__()
        half = out_channels // 2
        self.primary = Conv(in_channels, half, activation=relu() if activate else None)
        self.cheap = Conv(half, half, 3, groups=half, activation=relu() if activate else None)

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(n, in, h, w) -> (n, out, h, w)."""
        primary_nchw = self.primary(x_nchw)
        return torch.cat((primary_nchw, self.cheap(primary_nchw)), dim=1)


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate computed from all channels' means; hard sigmoid."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = divisible(channels / _SE_REDUCTION)
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, channels, 1)
        self.activation = nn.ReLU()
        self.gate = nn.Hardsigmoid()

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(n, c, h, w) -> the same shape."""
        mean_nc11 = x_nchw.mean((2, 3), keepdim=True)
        gate_nc11: Tensor = self.gate(self.excite(self.activation(self.squeeze(mean_nc11))))
        return x_nchw * gate_nc11


class GhostBottleneck(nn.Module):
    """Expand by a Ghost module, stride, squeeze-excite, project by another; add the shortcut.

    The shortcut is the identity, or a strided depthwise and a 1x1 convolution where the shape
    changes.
    """

    def __init__(self, in_channels: int, row: Row) -> None:
        super().__init__()
        self.expand = GhostModule(in_channels, row.expanded, activate=True)
        self.stride: nn.Module = nn.Identity()
        if row.stride > 1:
            self.stride = depthwise(row.expanded, row.kernel, stride=row.stride)
        self.squeeze_excite: nn.Module = nn.Identity()
        if row.squeeze_excite:
            self.squeeze_excite = SqueezeExcite(row.expanded)
        self.project = GhostModule(row.expanded, row.out, activate=False)
        self.shortcut: nn.Module = nn.Identity()
        if row.stride > 1 or in_channels != row.out:
            self.shortcut = nn.Sequential(
                depthwise(in_channels, row.kernel, stride=row.stride), Conv(in_channels, row.out)
            )

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(n, in, h, w) -> (n, out, h / stride, w / stride)."""
        inner_nchw = self.squeeze_excite(self.stride(self.expand(x_nchw)))
        out: Tensor = self.project(inner_nchw) + self.shortcut(x_nchw)
        return out


def scale_table(width: float, *, squeeze_excite: bool) -> tuple[Row, ...]:
    """Return Table 2 with its channels times `width`, and without squeeze-excite if not wanted."""
    return tuple(
        row._replace(
            expanded=divisible(row.expanded * width),
            out=divisible(row.out * width),
            squeeze_excite=row.squeeze_excite and squeeze_excite,
        )
        for row in TABLE_2
    )


class Backbone(nn.Module):
    """Picture to features at stride 8; `out_channels` says how many."""

    def __init__(self, width: float = 1.0, *, squeeze_excite: bool = True) -> None:
        super().__init__()
        rows = scale_table(width, squeeze_excite=squeeze_excite)
        stem_channels = divisible(STEM_CHANNELS * width)
        ins = (stem_channels, *(row.out for row in rows[:-1]))
        self.stem = Conv(3, stem_channels, 3, stride=2, activation=relu())
        self.blocks = nn.ModuleList(map(GhostBottleneck, ins, rows))
        self.channels = tuple(row.out for row in rows)
        self.out_channels = self.channels[-1]

    def forward(self, image_n3hw: Tensor) -> Tensor:
        """(n, 3, h, w) normalised BGR -> (n, out_channels, h / 8, w / 8)."""
        x_nchw: Tensor = self.stem(image_n3hw)
        for block in self.blocks:
            x_nchw = block(x_nchw)
        return x_nchw
