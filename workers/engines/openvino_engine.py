"""The network in OpenVINO: int8, bf16 or float32, whatever the processor computes fastest."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.errors import EngineError, WeightsError
from ghostpose.network.weights import SHIPPED_INT8, SHIPPED_WEIGHTS
from ghostpose.skeleton import PAF_CHANNELS, PCM_CHANNELS, STRIDE
from workers.engines.openvino_core import CORE
from workers.engines.openvino_device import (
    choose_precision,
    compile_settings,
    find_device,
    float_precision,
)
from workers.engines.openvino_network import Network, open_network
from workers.engines.openvino_requests import NetworkOfSize, Requests
from workers.engines.padding import FILL, common_size
from workers.engines.protocol import MAX_SHAPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import openvino

    from ghostpose.types import ByteArray, Maps
    from workers.engines.protocol import EngineOptions, Precision

LANES: Final = 2
"""Calls that go on at once: while the last pictures of one are done, the next one's have begun."""


class OpenVinoEngine:
    """Reads .xml and .onnx, and .safetensors through their exports.

    A lone picture has all cores. The pictures of one call run as requests side by side, on a core
    each: that is as fast as a batch, and needs one compiled network a size, whatever their number.
    Two such calls may go on at once, so that no core waits for another at a call's end.

    Raises:
        EngineError: the device or precision isn't there.
        WeightsError: the weights can't be used.
    """

    name = "openvino"

    def __init__(self, options: EngineOptions) -> None:
        device = find_device(options.device)
        self.device = device.lower()
        wanted = choose_precision(device, options)
        shipped = options.weights == SHIPPED_WEIGHTS.with_suffix(".xml")
        weights = SHIPPED_INT8 if shipped and wanted == "int8" else options.weights
        network = open_network(weights, options.paf_offset_cells)
        if wanted == "int8" and not network.is_int8:
            raise EngineError(
                f"weights {weights} are not int8: make a network that is with ghostpose"
                " export-model --precision int8, and give that"
            )
        self.precision: str = "int8" if network.is_int8 else wanted
        self.paf_offset_cells = network.paf_offset_cells
        self._network = network
        # In an int8 network it is what the layers that aren't compute in.
        floats = float_precision(device) if wanted == "int8" else wanted
        self._several = options.batch > 1 and not options.deterministic
        self.lanes = LANES if self._several else 1
        self._compile = partial(_compile, network, device, options, floats, self.lanes)
        self._sizes: OrderedDict[tuple[int, int], NetworkOfSize] = OrderedDict()
        self._choosing = threading.Lock()

    def warm_up(self, height: int, width: int, batch: int = 1) -> None:
        """Compile for this size and run `batch` grey pictures."""
        network = self._for_size((height, width))
        pictures = [np.full((height, width, 3), FILL, np.uint8)] * batch
        self.infer(pictures)
        if batch > 1 and self._several:
            network.wait_until_whole()
            self.infer(pictures)

    def infer(self, images: Sequence[ByteArray]) -> list[Maps]:
        """Return the maps of each picture; see `Engine.infer`."""
        return self._for_size(common_size(images)).run(images) if images else []

    def _for_size(self, size_hw: tuple[int, int]) -> NetworkOfSize:
        with self._choosing:
            if size_hw not in self._sizes:
                compiled = partial(self._compile, size_hw)
                self._sizes[size_hw] = NetworkOfSize(compiled, several=self._several)
                if len(self._sizes) > MAX_SHAPES:
                    self._sizes.popitem(last=False)
            self._sizes.move_to_end(size_hw)
            return self._sizes[size_hw]


def _compile(
    network: Network,
    device: str,
    options: EngineOptions,
    floats: Precision,
    lanes: int,
    size_hw: tuple[int, int],
    *,
    several: bool,
) -> Requests:
    """Return the network's requests for pictures of this size: for several at once, or for one."""
    height, width = size_hw
    cells_hw = height // STRIDE, width // STRIDE
    model = _reshape(network, (1, height, width, 3), cells_hw)
    settings = compile_settings(options, device, floats, several=several)
    return Requests(CORE.compile_model(model, device, settings), network, cells_hw, lanes)


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
