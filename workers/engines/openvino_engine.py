"""The network in OpenVINO: bf16 where the processor computes it natively, else float32."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import numpy as np
import openvino

from ghostpose.errors import EngineError, WeightsError
from ghostpose.skeleton import PAF_CHANNELS, PCM_CHANNELS, STRIDE
from ghostpose.types import Maps
from workers.engines.openvino_network import Network, open_network
from workers.engines.padding import FILL, common_size
from workers.engines.protocol import MAX_SHAPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.types import ByteArray, FloatArray
    from workers.engines.protocol import EngineOptions, Precision

_CAPABILITY: Final[dict[Precision, str]] = {"bf16": "BF16", "f16": "FP16"}
"""OpenVINO's name of a precision among a device's OPTIMIZATION_CAPABILITIES; the best first."""


class OpenVinoEngine:
    """Reads .xml and .onnx, and .safetensors through their exports.

    The pictures of one call run as requests side by side: on CPUs that is as fast as a batch, and
    needs one compiled network a size, whatever the number of pictures.

    Raises:
        EngineError: the device or precision isn't there.
        WeightsError: the weights can't be used.
    """

    name = "openvino"

    def __init__(self, options: EngineOptions) -> None:
        self._core = openvino.Core()
        device = _find_device(self._core, options.device)
        self.device = device.lower()
        precision = _choose_precision(self._core, device, options)
        self.precision: str = precision
        network = open_network(self._core, options.weights, options.paf_offset_cells)
        self.paf_offset_cells = network.paf_offset_cells
        self._network = network
        self._settings = _settings(options, device, precision)
        self._compiled: OrderedDict[tuple[int, int], _CompiledSize] = OrderedDict()

    def warm_up(self, height: int, width: int, batch: int = 1) -> None:
        """Compile for this size and run `batch` grey pictures."""
        self.infer([np.full((height, width, 3), FILL, np.uint8)] * batch)

    def infer(self, images: Sequence[ByteArray]) -> list[Maps]:
        """Return the maps of each picture; see `Engine.infer`."""
        return self._for_size(common_size(images)).run(images) if images else []

    def _for_size(self, size_hw: tuple[int, int]) -> _CompiledSize:
        if size_hw not in self._compiled:
            self._compiled[size_hw] = _CompiledSize(
                self._core, self._network, self.device.upper(), self._settings, size_hw
            )
            if len(self._compiled) > MAX_SHAPES:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(size_hw)
        return self._compiled[size_hw]


class _CompiledSize:
    """The network compiled for one picture size, with as many requests as run side by side."""

    def __init__(
        self,
        core: openvino.Core,
        network: Network,
        device: str,
        settings: dict[str, object],
        size_hw: tuple[int, int],
    ) -> None:
        height, width = size_hw
        self._network = network
        self._cells_hw = (height // STRIDE, width // STRIDE)
        model = _reshape(network, (1, height, width, 3), self._cells_hw)
        compiled = core.compile_model(model, device, settings)
        count = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._requests = [compiled.create_infer_request() for _ in range(count)]

    def run(self, images: Sequence[ByteArray]) -> list[Maps]:
        """Return the maps of each picture, in order."""
        # OpenVINO reads and writes these arrays where they lie: they must outlive the requests.
        inputs = [np.require(image_hw3[None], requirements=("C", "W")) for image_hw3 in images]
        outputs = [self._empty_outputs() for _ in inputs]
        try:
            for index, (image_nhw3, pair) in enumerate(zip(inputs, outputs, strict=True)):
                request = self._requests[index % len(self._requests)]
                request.wait()  # for an earlier picture of this call
                self._start(request, image_nhw3, pair)
        finally:
            for request in self._requests:
                request.wait()
        offset = self._network.paf_offset_cells
        return [Maps(pcm_nchw[0], paf_nchw[0], offset) for pcm_nchw, paf_nchw in outputs]

    def _empty_outputs(self) -> tuple[FloatArray, FloatArray]:
        return (
            np.empty((1, PCM_CHANNELS, *self._cells_hw), np.float32),
            np.empty((1, PAF_CHANNELS, *self._cells_hw), np.float32),
        )

    def _start(
        self,
        request: openvino.InferRequest,
        image_nhw3: ByteArray,
        maps: tuple[FloatArray, FloatArray],
    ) -> None:
        request.set_input_tensor(openvino.Tensor(image_nhw3, shared_memory=True))
        indices = (self._network.pcm_output, self._network.paf_output)
        for index, maps_nchw in zip(indices, maps, strict=True):
            request.set_output_tensor(index, openvino.Tensor(maps_nchw, shared_memory=True))
        request.start_async()


def _reshape(
    network: Network, shape_nhw3: tuple[int, ...], cells_hw: tuple[int, int]
) -> openvino.Model:
    """Return a copy of the network for pictures of this shape.

    Raises:
        WeightsError: the network can't take it, or its maps aren't at stride 8.
    """
    model = network.model.clone()
    try:
        model.reshape(list(shape_nhw3))
        got = [tuple(model.outputs[network.pcm_output].shape)]
        got.append(tuple(model.outputs[network.paf_output].shape))
    except RuntimeError as error:
        raise WeightsError(
            f"network {network.path} can't take a picture of {shape_nhw3[1:3]}: it was exported for"
            " one size only"
        ) from error
    if got != [(1, PCM_CHANNELS, *cells_hw), (1, PAF_CHANNELS, *cells_hw)]:
        raise WeightsError(
            f"network {network.path}: wanted maps of {cells_hw} cells for {shape_nhw3[1:3]} pixels,"
            f" got {got}"
        )
    return model


def _find_device(core: openvino.Core, wanted: str) -> str:
    """Return OpenVINO's name of a device called `auto`, `cpu`, `gpu`, `gpu.1`, `npu`."""
    device = "CPU" if wanted == "auto" else wanted.upper()
    available = core.available_devices
    if device not in {name for full in available for name in (full, full.split(".")[0])}:
        choices = ", ".join(name.lower() for name in available)
        raise EngineError(
            f"engine openvino finds no device {wanted!r} here, only {choices}"
            + ("; CUDA needs engine torch" if wanted.startswith("cuda") else "")
        )
    return device


def _choose_precision(core: openvino.Core, device: str, options: EngineOptions) -> Precision:
    """Return what to compute in: what was asked for if the device has it, else the fastest."""
    has = core.get_property(device, "OPTIMIZATION_CAPABILITIES")
    native: list[Precision] = [name for name, word in _CAPABILITY.items() if word in has]
    if options.precision not in ("auto", "f32", *native):
        raise EngineError(
            f"this {device} computes {', '.join(('f32', *native))} natively, not"
            f" {options.precision}: use precision auto"
        )
    if options.precision == "auto":
        return "f32" if options.deterministic or not native else native[0]
    return options.precision


def _settings(options: EngineOptions, device: str, precision: Precision) -> dict[str, object]:
    many = options.batch > 1 and not options.deterministic
    settings: dict[str, object] = {
        "PERFORMANCE_HINT": "THROUGHPUT" if many else "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
    }
    if many:
        settings["PERFORMANCE_HINT_NUM_REQUESTS"] = options.batch
    if device == "CPU":
        # Pinned, the first threads of every worker on this machine would share the first cores.
        settings["ENABLE_CPU_PINNING"] = False
        settings["INFERENCE_NUM_THREADS"] = options.threads or (1 if options.deterministic else 0)
        if options.deterministic:
            settings["NUM_STREAMS"] = 1
    return settings
