"""Network files made ready for OpenVINO: found, read, their outputs identified, scaling attached.

Our own exports say all about themselves. Any other network with one picture as input and 19 PCM and
38 PAF channels among its outputs is taken too; what it doesn't say stands in a small JSON file
beside it (`teacher.json` for `teacher.xml`, see `Sidecar`), or in an option.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import openvino
from openvino.preprocess import ColorFormat, PrePostProcessor
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ghostpose.errors import EngineError, WeightsError
from ghostpose.network.exported import PAF_NAME, PCM_NAME, RECORD_KEY, ExportRecord, parse_record
from ghostpose.network.weights import SHIPPED_WEIGHTS, file_sha256, read_header
from ghostpose.skeleton import PAF_CHANNELS, PCM_CHANNELS
from workers.engines.openvino_core import CORE

_LOG: Final = logging.getLogger("workers.engines.openvino_network.open_network")

NETWORK_SUFFIXES: Final = (".xml", ".onnx")


class Sidecar(BaseModel):
    """What a foreign network's JSON file may say: the network reads `(picture - mean) / scale`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    paf_offset_cells: float = Field(default=0.0, allow_inf_nan=False)
    mean: float = Field(default=0.0, allow_inf_nan=False)
    scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    channels: Literal["bgr", "rgb"] = "bgr"


_LIGHTWEIGHT_OPENPOSE: Final = Sidecar(paf_offset_cells=0.4375)
"""OpenVINO's human-pose-estimation-0001: its PAFs sit 3.5 pixels right of and below its PCM."""

_LIGHTWEIGHT_OPENPOSE_OUTPUTS: Final = {"Mconv7_stage2_L1", "Mconv7_stage2_L2"}


@dataclass(frozen=True, slots=True)
class Network:
    """A model that takes uint8 (n, h, w, 3) BGR and gives float32; which output is which.

    `is_int8`: it was quantised, whoever did that.
    """

    path: Path
    model: openvino.Model
    pcm_output: int
    paf_output: int
    paf_offset_cells: float
    is_int8: bool


def open_network(weights: Path, paf_offset_cells: float | None = None) -> Network:
    """Return the network in `weights`; for .safetensors, its export, made once if need be.

    Raises:
        WeightsError: the file is missing, damaged, or no pose network.
        EngineError: a .safetensors file has no export yet, and torch isn't installed to make it or
            there is nowhere to keep it.
    """
    path = _exported_from(weights) if weights.suffix == ".safetensors" else weights
    model = _read_model(path)
    record, sidecar = _read_record(model, path), _read_sidecar(path) or _known(model)
    pcm, paf = (_find_output(model, path, *which) for which in _WANTED_OUTPUTS)
    said = record.header.paf_offset_cells if record is not None else sidecar.paf_offset_cells
    return Network(
        path=path,
        model=_attach_preprocessing(model, path, Sidecar() if record is not None else sidecar),
        pcm_output=pcm,
        paf_output=paf,
        paf_offset_cells=said if paf_offset_cells is None else paf_offset_cells,
        is_int8=any(op.get_type_name() == "FakeQuantize" for op in model.get_ops()),
    )


_WANTED_OUTPUTS: Final = ((PCM_NAME, PCM_CHANNELS), (PAF_NAME, PAF_CHANNELS))


def _read_model(path: Path) -> openvino.Model:
    if path.suffix not in NETWORK_SUFFIXES:
        raise WeightsError(f"weights {path}: wanted .safetensors, .xml or .onnx")
    for needed in (path, path.with_suffix(".bin") if path.suffix == ".xml" else path):
        if not needed.is_file():
            own = path.parent == SHIPPED_WEIGHTS.parent
            hint = "it comes with ghostpose: install that again" if own else "check the path"
            raise WeightsError(f"network {needed} doesn't exist: {hint}")
    try:
        return CORE.read_model(path)
    except RuntimeError as error:
        raise WeightsError(f"network {path} is damaged, or no {path.suffix} network") from error


def _read_record(model: openvino.Model, path: Path) -> ExportRecord | None:
    """Return what our export wrote into the network; None for a foreign network."""
    for where in ([RECORD_KEY], ["framework", RECORD_KEY]):  # .xml, .onnx
        if model.has_rt_info(where):
            return parse_record(str(path), model.get_rt_info(where).astype(str))
    return None


def _read_sidecar(path: Path) -> Sidecar | None:
    sidecar = path.with_suffix(".json")
    try:
        return Sidecar.model_validate_json(sidecar.read_bytes())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError) as error:
        raise WeightsError(f"{sidecar} does not describe a network: {error}") from error


def _known(model: openvino.Model) -> Sidecar:
    """Return what we know of a public network that says nothing about itself."""
    names = {name for output in model.outputs for name in output.names}
    return _LIGHTWEIGHT_OPENPOSE if names >= _LIGHTWEIGHT_OPENPOSE_OUTPUTS else Sidecar()


def _find_output(model: openvino.Model, path: Path, name: str, channels: int) -> int:
    """Return the index of the output with this name, or the last one with so many channels."""
    shapes = [output.get_partial_shape() for output in model.outputs]
    fitting = [
        index
        for index, shape in enumerate(shapes)
        if shape.rank.is_static and len(shape) == 4 and shape[1] == channels
    ]
    named = [index for index in fitting if name in model.outputs[index].names]
    if not fitting:
        raise WeightsError(
            f"network {path} is no pose network: no output has {channels} channels ({name.upper()})"
        )
    return (named or fitting)[-1]


def _attach_preprocessing(model: openvino.Model, path: Path, sidecar: Sidecar) -> openvino.Model:
    """Put conversion from uint8 (n, h, w, 3) into the graph, where it costs no copy in Python."""
    shape = model.inputs[0].get_partial_shape() if len(model.inputs) == 1 else None
    if shape is None or not shape.rank.is_static or len(shape) != 4 or shape[1] != 3:
        raise WeightsError(f"network {path}: wanted one input (n, 3, h, w), got {model.inputs}")
    process = PrePostProcessor(model)
    tensor = process.input().tensor()
    tensor.set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    tensor.set_color_format(ColorFormat.BGR)
    process.input().model().set_layout(openvino.Layout("NCHW"))
    steps = process.input().preprocess().convert_element_type(openvino.Type.f32)
    if sidecar.channels == "rgb":
        steps.convert_color(ColorFormat.RGB)
    if (sidecar.mean, sidecar.scale) != (0.0, 1.0):
        steps.mean(sidecar.mean).scale(sidecar.scale)
    for index in range(len(model.outputs)):
        process.output(index).tensor().set_element_type(openvino.Type.f32)
    return process.build()


def _exported_from(weights: Path) -> Path:
    """Return an exported network that holds the tensors of the .safetensors file `weights`."""
    read_header(weights)
    sha256 = file_sha256(weights)
    cached = cache_folder() / f"{sha256}.xml"
    for candidate in (weights.with_suffix(".xml"), cached):
        if _is_export_of(candidate, sha256):
            return candidate
    if find_spec("torch") is None:
        raise EngineError(
            f"weights {weights} have no exported network beside them, and making one needs torch:"
            " install it with pip install 'ghostpose[torch]', or give the exported .xml"
        )
    from ghostpose.network.export import export_openvino

    _LOG.info("exporting %s to %s, once", weights, cached)
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)  # before anything that takes seconds
        export_openvino(weights, cached)
    except OSError as error:
        raise EngineError(
            f"weights {weights} have no exported network beside them, and one can't be kept in"
            f" {cached.parent}: {error.strerror or error}: set XDG_CACHE_HOME to a folder that may"
            " be written to, or give the exported .xml"
        ) from error
    return cached


def _is_export_of(network: Path, weights_sha256: str) -> bool:
    if not network.is_file():
        return False
    try:
        record = _read_record(_read_model(network), network)
    except WeightsError:
        return False
    return record is not None and record.weights_sha256 == weights_sha256


def cache_folder() -> Path:
    """Return where exported networks are kept: `$XDG_CACHE_HOME/ghostpose`.

    Raises:
        EngineError: that isn't set, and this user has no home.
    """
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError as error:  # in a container: no $HOME, and a user that has no name
        raise EngineError(
            "exported networks can't be kept, since this user has no home folder: set"
            " XDG_CACHE_HOME to a folder that may be written to"
        ) from error
    return Path(base) / "ghostpose"
