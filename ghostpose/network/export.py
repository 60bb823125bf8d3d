"""Weights to a network that inference engines read without torch. This module needs torch.

Both forms have the input, outputs and record that `ghostpose.network.exported` describes.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import torch
from torch import Tensor, nn

from ghostpose.network.exported import (
    INPUT_NAME,
    PAF_NAME,
    PCM_NAME,
    RECORD_KEY,
    ExportPrecision,
    ExportRecord,
)
from ghostpose.network.model import PoseNetwork, fold_batch_norm, normalise
from ghostpose.network.weights import file_sha256, load_network

if TYPE_CHECKING:
    from collections.abc import Iterator

    import openvino

FloatPrecision = Literal["f16", "f32"]

ONNX_OPSET: Final = 17
"""Old enough for every runtime of today, new enough for all that the network uses."""

_DYNAMIC_AXES: Final = {
    INPUT_NAME: {0: "n", 2: "h", 3: "w"},
    PCM_NAME: {0: "n", 2: "cells_h", 3: "cells_w"},
    PAF_NAME: {0: "n", 2: "cells_h", 3: "cells_w"},
}


class ExportedNetwork(nn.Module):
    """The network as it is exported: scaling inside, batch norms folded, the last stage's maps.

    Computes in `dtype`; input and outputs are float32.
    """

    def __init__(self, network: PoseNetwork, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.network = fold_batch_norm(network).to(dtype)
        self.dtype = dtype
        self.eval()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """BGR 0..255, (n, 3, h, w) -> PCM (n, 19, h/8, w/8) and PAF (n, 38, h/8, w/8)."""
        maps = self.network(normalise(image).to(self.dtype))[-1]
        return maps.pcm.float(), maps.paf.float()


def export_openvino(weights: Path, out: Path, *, precision: FloatPrecision = "f16") -> None:
    """Write the network in `weights` to `out` (.xml, and .bin beside it).

    Raises:
        WeightsError: `weights` are missing, damaged or of another network.
    """
    save_openvino(openvino_model(weights, precision), out, compress=precision == "f16")


def openvino_model(weights: Path, precision: ExportPrecision) -> openvino.Model:
    """Return the network in `weights` with float32 constants, and a record saying `precision`.

    Raises:
        WeightsError: `weights` are missing, damaged or of another network.
    """
    network, record = _load(weights, precision)
    model = convert(ExportedNetwork(network))
    model.set_rt_info(record.model_dump_json(), RECORD_KEY)
    return model


def save_openvino(model: openvino.Model, out: Path, *, compress: bool) -> None:
    """Write a model to `out` (.xml, and .bin beside it); `compress` stores float32 as float16."""
    import openvino

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        draft = Path(folder) / out.name
        openvino.save_model(model, draft, compress_to_fp16=compress)
        # The .xml comes last: whoever finds it finds its .bin.
        draft.with_suffix(".bin").replace(out.with_suffix(".bin"))
        draft.replace(out)


def export_onnx(weights: Path, out: Path, *, precision: FloatPrecision = "f32") -> None:
    """Write the network in `weights` to `out` (.onnx); `f16` computes in half precision as well.

    Raises:
        WeightsError: `weights` are missing, damaged or of another network.
    """
    import onnx

    network, record = _load(weights, precision)
    exported = ExportedNetwork(network, torch.float16 if precision == "f16" else torch.float32)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        draft = Path(folder) / out.name
        _trace_onnx(exported, draft)
        model = onnx.load(draft)
        model.metadata_props.add(key=RECORD_KEY, value=record.model_dump_json())
        onnx.checker.check_model(model)
        onnx.save(model, draft)
        draft.replace(out)


def _load(weights: Path, precision: ExportPrecision) -> tuple[PoseNetwork, ExportRecord]:
    network, header = load_network(weights)
    sha256 = file_sha256(weights)
    return network, ExportRecord(header=header, weights_sha256=sha256, precision=precision)


def _example() -> Tensor:
    return torch.zeros(1, 3, 64, 96)


def convert(exported: ExportedNetwork) -> openvino.Model:
    """Return a network as OpenVINO's, any number and size of pictures, constants in float32."""
    import openvino

    with warnings.catch_warnings(), _no_usage_statistics():
        warnings.simplefilter("ignore")  # the tracer's, about itself
        # Tracing here, once and unchecked, is four times as fast as letting the converter do it.
        traced = torch.jit.trace(exported, _example(), check_trace=False)  # type: ignore[no-untyped-call]
        model = openvino.convert_model(traced, input=[openvino.PartialShape([-1, 3, -1, -1])])
    model.input(0).set_names({INPUT_NAME})
    for output, name in zip(model.outputs, (PCM_NAME, PAF_NAME), strict=True):
        output.set_names({name})
    return model


@contextmanager
def _no_usage_statistics() -> Iterator[None]:
    """Keep OpenVINO's converter from writing a client id to the home folder and reporting itself.

    It does neither on build machines, which it knows by the variable `CI`; there is no option.
    """
    before = os.environ.get("CI")
    os.environ["CI"] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ["CI"]
        else:
            os.environ["CI"] = before


def _trace_onnx(exported: ExportedNetwork, path: Path) -> None:
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the tracer's, about itself
        torch.onnx.export(
            exported,
            (_example(),),
            str(path),
            input_names=[INPUT_NAME],
            output_names=[PCM_NAME, PAF_NAME],
            dynamic_axes=_DYNAMIC_AXES,
            opset_version=ONNX_OPSET,
            dynamo=False,  # the other exporter needs onnxscript and brings nothing here
        )
