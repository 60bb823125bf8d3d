"""The convolution with batch norm and activation that every part of the network is made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Conv(nn.Module):
    """Convolution that keeps the size at stride 1, then batch norm, then an activation.

    `norm` and `activation` are `nn.Identity` where there is none; folding turns `norm` into one.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = False,
        norm: bool = True,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=dilation * (kernel // 2),
            dilation=dilation,
            groups=groups,
            bias=bias,
        )
        self.norm: nn.Module = nn.BatchNorm2d(out_channels) if norm else nn.Identity()
        self.activation: nn.Module = activation if activation is not None else nn.Identity()

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(n, in, h, w) -> (n, out, h / stride, w / stride)."""
        out: Tensor = self.activation(self.norm(self._convolve(x_nchw)))
        return out

    def _convolve(self, x_nchw: Tensor) -> Tensor:
        """Convolve; under autocast on CPUs, strided depthwise ones in float32 all the same.

        Their backward pass in bf16 takes four times as long there (oneDNN has no kernel for it).
        """
        conv = self.conv
        narrow = x_nchw.dtype != conv.weight.dtype and x_nchw.device.type == "cpu"
        if narrow and conv.groups > 1 and conv.stride[0] > 1:
            with torch.autocast("cpu", enabled=False):
                wide: Tensor = conv(x_nchw.float())
            return wide.to(x_nchw.dtype)
        out: Tensor = conv(x_nchw)
        return out


def relu() -> nn.Module:
    """Return a ReLU that overwrites its input, which is always a fresh convolution result."""
    return nn.ReLU(inplace=True)


def elu() -> nn.Module:
    """Return an ELU with alpha 1.

    Never `nn.ELU(True)`: that sets alpha to True, not in-place, and exporters can't trace it.
    """
    return nn.ELU()


def depthwise(channels: int, kernel: int, *, stride: int = 1) -> Conv:
    """Return a depthwise convolution with batch norm and no activation."""
    return Conv(channels, channels, kernel, stride=stride, groups=channels)
