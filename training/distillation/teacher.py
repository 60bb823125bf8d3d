"""A frozen teacher: a network of the same kind, whose maps a student copies.

OpenVINO runs it on processors, where torch takes three times as long; on a GPU torch does. Either
leaves out the quantisation of activations that an int8 teacher has between its layers, so that both
say the same: its AP is higher by that (`training.distillation.graph`), and its features are others.

Shape legend: n pictures; h, w rows and columns (pictures in pixels, maps in cells); c channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import Any, Protocol

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ghostpose.errors import DataError
from training.distillation.graph import TorchGraph


class TeacherConfig(BaseModel):
    """Which network teaches, and the names of its outputs. Defaults are Lightweight OpenPose's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: Path
    """An OpenVINO network (.xml) that reads BGR 0..255 of any size in multiples of 8."""

    pcm: str = "Mconv7_stage2_L2"
    """Operation that gives the PCM, 19 channels in our order."""

    paf: str = "Mconv7_stage2_L1"
    """Operation that gives the PAF, 38 channels in our order."""

    neck: str = "relu4_4_CPM"
    """Operation whose output the student's neck may copy; empty for none."""

    paf_offset_cells: float = 0.4375
    """How far right and down its PAF sit of its PCM; the student inherits it."""

    too_high_px: int = Field(default=0, ge=0, le=7)
    """How many input pixels above the truth its key points sit; the student is not to copy that."""


@dataclass(frozen=True, slots=True, eq=False)
class TeacherMaps:
    """What the teacher says of n pictures: (n, 19, h, w), (n, 38, h, w), neck (n, 128, h, w)."""

    pcm_nchw: Tensor
    paf_nchw: Tensor
    neck_nchw: Tensor | None


class Teacher(Protocol):
    """Says what it sees on pictures."""

    def infer(self, images_nhw3: Tensor) -> TeacherMaps:
        """Return the maps of uint8 BGR pictures (n, h, w, 3), sides multiples of 8."""


def open_teacher(config: TeacherConfig, device: torch.device) -> Teacher:
    """Return the teacher on a device; on a GPU it computes in halves, exact enough for targets.

    Raises:
        DataError: its network can't be read, or lacks one of the outputs.
    """
    if device.type == "cpu":
        return OpenVinoTeacher(config)
    return TorchTeacher(config, device, torch.float16)


class OpenVinoTeacher:
    """Runs the teacher on this machine's processors, with as many threads as torch has."""

    def __init__(self, config: TeacherConfig) -> None:
        """Read the network.

        Raises:
            DataError: it can't be read, or lacks one of the outputs.
        """
        from workers.engines.openvino_core import CORE

        path = config.network.expanduser()
        if not path.is_file():
            raise DataError(f"teacher network {path} does not exist")
        self.config, self._core = config, CORE
        try:
            model = CORE.read_model(path)
        except RuntimeError as error:
            raise DataError(f"teacher network {path} can't be read: {error}") from error
        self._model = _with_outputs(model, config, path)
        self._compiled: dict[tuple[int, int, int], Any] = {}

    def infer(self, images_nhw3: Tensor) -> TeacherMaps:
        """Return the maps of uint8 BGR pictures (n, h, w, 3), sides multiples of 8."""
        compiled = self._for_shape(tuple(images_nhw3.shape[:3]))
        lowered_nhw3 = lowered(images_nhw3, self.config.too_high_px)
        results = compiled([lowered_nhw3.permute(0, 3, 1, 2).contiguous().numpy()])
        pcm, paf, *neck = (
            torch.from_numpy(np.array(results[port], np.float32)) for port in compiled.outputs
        )
        return TeacherMaps(pcm, paf, neck[0] if neck else None)

    def _for_shape(self, shape: tuple[int, ...]) -> Any:
        count, height, width = shape
        if (count, height, width) not in self._compiled:
            model = self._model.clone()
            model.reshape([count, 3, height, width])
            threads = torch.get_num_threads()
            options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
            self._compiled[count, height, width] = self._core.compile_model(model, "CPU", options)
        return self._compiled[count, height, width]


class TorchTeacher:
    """Runs the teacher in torch, on the GPU that trains the student."""

    def __init__(
        self, config: TeacherConfig, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        """Read the network, to compute with numbers of `dtype`.

        Raises:
            DataError: it can't be read, or lacks one of the outputs.
        """
        self.config = config
        self._dtype = dtype
        self._network = TorchGraph(config.network.expanduser(), _wanted(config))
        self._network.to(device, self._dtype)

    @torch.no_grad()
    def infer(self, images_nhw3: Tensor) -> TeacherMaps:
        """Return the maps of uint8 BGR pictures (n, h, w, 3), sides multiples of 8."""
        lowered_nhw3 = lowered(images_nhw3, self.config.too_high_px)
        results = self._network(lowered_nhw3.permute(0, 3, 1, 2).to(self._dtype))
        pcm, paf, *neck = (result.float() for result in results)
        return TeacherMaps(pcm, paf, neck[0] if neck else None)


def lowered(images_nhw3: Tensor, rows: int) -> Tensor:
    """Return pictures moved down by `rows`, their first row repeated above.

    A teacher whose key points sit too high by as much then says where they truly are.
    """
    if not rows:
        return images_nhw3
    first_nhw3 = images_nhw3[:, :1].expand(-1, rows, -1, -1)
    return torch.cat([first_nhw3, images_nhw3[:, :-rows]], dim=1)


def _wanted(config: TeacherConfig) -> list[str]:
    """Return the names of the outputs wanted, in the order PCM, PAF, neck."""
    return [name for name in (config.pcm, config.paf, config.neck) if name]


def _with_outputs(model: Any, config: TeacherConfig, path: Path) -> Any:
    """Return the network with only the outputs wanted, and activations as they are computed."""
    import openvino

    for operation in model.get_ops():
        if operation.get_type_name() == "FakeQuantize" and not _is_constant(operation):
            operation.output(0).replace(operation.input_value(0))
    operations = {operation.get_friendly_name(): operation for operation in model.get_ops()}
    wanted = _wanted(config)
    for name in wanted:
        if name not in operations:
            raise DataError(f"teacher network {path} has no operation {name!r}")
    ports = [operations[name].output(0) for name in wanted]
    return openvino.Model(ports, model.get_parameters(), "teacher")


def _is_constant(operation: Any) -> bool:
    """Return whether an operation's result depends on nothing but constants, as a weight's does."""
    if operation.get_type_name() == "Parameter":
        return False
    return all(_is_constant(value.get_node()) for value in operation.input_values())
