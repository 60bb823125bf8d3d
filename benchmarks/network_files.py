"""The networks that are compared, as files that OpenVINO reads, and as torch modules.

Pose has the weights that are shipped, the others random ones: they change no time. Calibrating the
others for int8 takes a handful of pictures, since ranges change no time either.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino
import torch
from torch import Tensor, nn

from benchmarks.clips import CLIP, pictures
from ghostpose.network.baselines import LightweightOpenPose
from ghostpose.network.export import ExportedNetwork, convert, save_openvino
from ghostpose.network.model import PoseNetwork, normalise
from ghostpose.network.options import preset
from ghostpose.network.weights import SHIPPED_WEIGHTS, load_network

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ghostpose.network.stages import StageMaps

BASELINE, POSE, WIDE = "lightweight-openpose", "pose", "pose-wide"
CALIBRATION_PICTURES = 8


class Baseline(nn.Module):
    """The baseline with its maps in a tuple of stages, as ours has them."""

    def __init__(self) -> None:
        super().__init__()
        self.network = LightweightOpenPose()

    def forward(self, image_n3hw: Tensor) -> tuple[StageMaps, ...]:
        return (self.network(image_n3hw),)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    BASELINE: Baseline,
    POSE: lambda: load_network(SHIPPED_WEIGHTS)[0],
    WIDE: lambda: PoseNetwork(preset("pose-wide")),
}


def eager(name: str) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return a network as torch runs it when nobody does anything for it: (n, h, w, 3) to maps."""
    network = NETWORKS[name]().eval()

    def run(image_nhw3: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.inference_mode():
            image_n3hw = torch.from_numpy(image_nhw3).permute(0, 3, 1, 2).float()
            maps = network(normalise(image_n3hw))[-1]
            return maps.pcm.numpy(), maps.paf.numpy()

    return run


def export_all(folder: Path) -> None:
    """Write every network as `NAME.xml` and `NAME-int8.xml`, except Pose's that are shipped."""
    for name, build in NETWORKS.items():
        if name != POSE:
            model = convert(ExportedNetwork(build()))  # type: ignore[arg-type]
            save_openvino(model, folder / f"{name}.xml", compress=True)
            save_openvino(quantised(model), folder / f"{name}-int8.xml", compress=True)


def file_of(name: str, precision: str, folder: Path) -> Path | None:
    """Return the file of a network; None: the one that is shipped."""
    if name == POSE:
        return None
    return folder / (f"{name}-int8.xml" if precision == "int8" else f"{name}.xml")


def shipped(precision: str) -> Path:
    """Return the file of the network that comes with ghostpose."""
    suffix = "-int8.xml" if precision == "int8" else ".xml"
    return SHIPPED_WEIGHTS.with_name(SHIPPED_WEIGHTS.stem + suffix)


def quantised(model: openvino.Model) -> openvino.Model:
    """Return a network in int8, all but the layers that give the maps."""
    import nncf

    nncf.set_log_level(logging.ERROR)
    images = pictures(CLIP, 368, CALIBRATION_PICTURES)

    def as_input(image_hw3: np.ndarray) -> np.ndarray:
        height, width = (side // 8 * 8 for side in image_hw3.shape[:2])
        return image_hw3[:height, :width].transpose(2, 0, 1)[None].astype(np.float32)

    result: Any = nncf.quantize(
        model,
        nncf.Dataset(images, as_input),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(images),
        fast_bias_correction=True,
    )
    assert isinstance(result, openvino.Model)
    return result
