"""The convolution with batch norm and activation that every part of the network is made of."""

from __future__ import annotations

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
        out: Tensor = self.activation(self.norm(self.conv(x_nchw)))
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
