"""A frozen teacher: a network of the same kind, run by OpenVINO, whose maps a student copies.

Shape legend: n pictures; h, w rows and columns (pictures in pixels, maps in cells); c channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ghostpose.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ghostpose.types import ByteArray, FloatArray


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

    threads: int = Field(default=1, ge=1)
    """Processor threads it may use."""


@dataclass(frozen=True, slots=True, eq=False)
class TeacherMaps:
    """What the teacher says of n pictures: (n, 19, h, w), (n, 38, h, w), neck (n, 128, h, w)."""

    pcm_nchw: FloatArray
    paf_nchw: FloatArray
    neck_nchw: FloatArray | None


class Teacher:
    """Runs the teacher; made in the process that uses it, since OpenVINO doesn't survive a fork."""

    def __init__(self, config: TeacherConfig) -> None:
        """Read the network.

        Raises:
            DataError: it can't be read, or lacks one of the outputs.
        """
        import openvino

        path = config.network.expanduser()
        if not path.is_file():
            raise DataError(f"teacher network {path} does not exist")
        self.config = config
        self._core = openvino.Core()
        try:
            model = self._core.read_model(path)
        except RuntimeError as error:
            raise DataError(f"teacher network {path} can't be read: {error}") from error
        self._model = _with_outputs(model, config, path)
        self._compiled: dict[tuple[int, int, int], Any] = {}

    def infer(self, images_nhw3: ByteArray) -> TeacherMaps:
        """Return the maps of uint8 BGR pictures (n, h, w, 3), sides multiples of 8."""
        compiled = self._for_shape(images_nhw3.shape[:3])
        lowered_nhw3 = lowered(images_nhw3, self.config.too_high_px)
        results = compiled([np.ascontiguousarray(lowered_nhw3.transpose(0, 3, 1, 2))])
        pcm, paf, *neck = (_float(results[port]) for port in compiled.outputs)
        return TeacherMaps(pcm, paf, neck[0] if neck else None)

    def _for_shape(self, shape: tuple[int, ...]) -> Any:
        count, height, width = shape
        if (count, height, width) not in self._compiled:
            model = self._model.clone()
            model.reshape([count, 3, height, width])
            options = {"INFERENCE_NUM_THREADS": self.config.threads, "PERFORMANCE_HINT": "LATENCY"}
            self._compiled[count, height, width] = self._core.compile_model(model, "CPU", options)
        return self._compiled[count, height, width]


def lowered(images_nhw3: ByteArray, rows: int) -> ByteArray:
    """Return pictures moved down by `rows`, their first row repeated above.

    A teacher whose key points sit too high by as much then says where they truly are.
    """
    if not rows:
        return images_nhw3
    result_nhw3 = np.empty_like(images_nhw3)
    result_nhw3[:, rows:] = images_nhw3[:, :-rows]
    result_nhw3[:, :rows] = images_nhw3[:, :1]
    return result_nhw3


def _with_outputs(model: Any, config: TeacherConfig, path: Path) -> Any:
    """Return the network with only the outputs wanted, in the order PCM, PAF, neck."""
    import openvino

    operations = {operation.get_friendly_name(): operation for operation in model.get_ops()}
    wanted = [name for name in (config.pcm, config.paf, config.neck) if name]
    for name in wanted:
        if name not in operations:
            raise DataError(f"teacher network {path} has no operation {name!r}")
    ports = [operations[name].output(0) for name in wanted]
    return openvino.Model(ports, model.get_parameters(), "teacher")


def _float(array: NDArray[Any]) -> FloatArray:
    return np.array(array, np.float32)
