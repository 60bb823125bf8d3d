"""The network in OpenVINO: int8, bf16 or float32, whatever the processor computes fastest."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
import openvino

from ghostpose.errors import EngineError, WeightsError
from ghostpose.network.weights import SHIPPED_INT8, SHIPPED_WEIGHTS
from ghostpose.skeleton import PAF_CHANNELS, PCM_CHANNELS, STRIDE
from ghostpose.types import Maps
from workers.engines.openvino_device import (
    choose_precision,
    compile_settings,
    find_device,
    float_precision,
)
from workers.engines.openvino_network import Network, open_network
from workers.engines.padding import FILL, common_size
from workers.engines.protocol import MAX_SHAPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.types import ByteArray, FloatArray
    from workers.engines.protocol import EngineOptions


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
        device = find_device(self._core, options.device)
        self.device = device.lower()
        wanted = choose_precision(self._core, device, options)
        shipped = options.weights == SHIPPED_WEIGHTS.with_suffix(".xml")
        weights = SHIPPED_INT8 if shipped and wanted == "int8" else options.weights
        network = open_network(self._core, weights, options.paf_offset_cells)
        if wanted == "int8" and not network.is_int8:
            raise EngineError(
                f"weights {weights} are not int8: make a network that is with ghostpose"
                " export-model --precision int8, and give that"
            )
        self.precision: str = "int8" if network.is_int8 else wanted
        self.paf_offset_cells = network.paf_offset_cells
        self._network = network
        # In an int8 network it is what the layers that aren't compute in.
        floats = float_precision(self._core, device) if wanted == "int8" else wanted
        self._settings = compile_settings(options, device, floats)
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
