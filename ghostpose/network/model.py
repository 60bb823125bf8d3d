"""The whole pose network: backbone, neck, initial stage, refinement stages.

Input BGR, `(x - 128) / 256`, sides multiples of 8; maps at stride 8. Cell (i, j) has its centre at
input pixel (8j + 3.5, 8i + 3.5).

Shape legend: n pictures; c channels; h, w rows and columns.
"""

from __future__ import annotations

import copy
from typing import Final, NamedTuple

from torch import Tensor, nn

from ghostpose.network.backbone import Backbone
from ghostpose.network.layers import Conv
from ghostpose.network.options import NetworkOptions
from ghostpose.network.stages import InitialStage, Neck, RefinementStage, StageMaps

INPUT_MEAN: Final = 128.0
INPUT_SCALE: Final = 256.0


def normalise(image_n3hw: Tensor) -> Tensor:
    """Return BGR 0..255 as what the network reads: `(x - 128) / 256`."""
    return (image_n3hw - INPUT_MEAN) / INPUT_SCALE


class TrainingOutputs(NamedTuple):
    """All that a training step may look at.

    `neck`: (n, 128, h / 8, w / 8); `stages`: maps of the initial stage and of refinement stages.
    """

    neck: Tensor
    stages: tuple[StageMaps, ...]


class PoseNetwork(nn.Module):
    """Picture to part confidence maps and part affinity fields."""

    def __init__(self, options: NetworkOptions | None = None) -> None:
        super().__init__()
        self.options = options if options is not None else NetworkOptions()
        self.backbone = Backbone(self.options.width, squeeze_excite=self.options.squeeze_excite)
        self.neck = Neck(self.backbone.out_channels)
        self.initial = InitialStage()
        self.refinement = nn.ModuleList(
            RefinementStage() for _ in range(self.options.refinement_stages)
        )

    def forward(self, image_n3hw: Tensor) -> tuple[StageMaps, ...]:
        """Return the maps of every stage in training mode, of the last stage only in eval mode.

        `image_n3hw` is what `normalise` gives. `outputs[-1]` is the last stage's either way.
        """
        stages = self.forward_training(image_n3hw).stages
        return stages if self.training else stages[-1:]

    def forward_training(
        self, image_n3hw: Tensor, refinements: int | None = None
    ) -> TrainingOutputs:
        """Return the neck's features and every stage's maps, in either mode.

        Or, with `refinements`, those of the initial stage and of so many refinement stages.
        """
        neck_nchw: Tensor = self.neck(self.backbone(image_n3hw))
        stages: list[StageMaps] = [self.initial(neck_nchw)]
        for stage in self.refinement[:refinements]:
            stages.append(stage(neck_nchw, stages[-1]))
        return TrainingOutputs(neck_nchw, tuple(stages))


def fold_batch_norm(network: PoseNetwork) -> PoseNetwork:
    """Return a copy of `network`, in eval mode, with every batch norm moved into its convolution.

    The output stays equal but for rounding. The copy is for inference and export only: it can't be
    saved as weights or trained further.
    """
    folded = copy.deepcopy(network).eval()
    for module in folded.modules():
        if isinstance(module, Conv) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = nn.utils.fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
    return folded
