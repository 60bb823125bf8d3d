"""A network compiled for pictures of one size, and how pictures go through it."""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import numpy as np
import openvino

from ghostpose.skeleton import PAF_CHANNELS, PCM_CHANNELS
from ghostpose.types import Maps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.types import ByteArray, FloatArray
    from workers.engines.openvino_network import Network

_log = logging.getLogger("workers.engines.NetworkOfSize")


class Compile(Protocol):
    """Compiles for one picture at a time, or for several side by side."""

    def __call__(self, *, several: bool) -> Requests:
        """Return the requests."""


class NetworkOfSize:
    """Compiled twice: for a lone picture on all cores, and for several on a core each.

    On two cores a lone picture takes half as long as on one, and several, each on its own, a tenth
    less than one after the other. The second network is made in a thread once the first has done a
    picture: nobody waits for it, and until it is there pictures go one by one.
    """

    def __init__(self, compiled: Compile, *, several: bool) -> None:
        self._compile = compiled
        self._for_one = compiled(several=False)
        self._for_several: Requests | None = None
        # No daemon: a program that ends within OpenVINO's own code is aborted.
        self._thread = threading.Thread(target=self._prepare, name="compile")
        self._is_whole, self._deciding = not several, threading.Lock()

    def run(self, images: Sequence[ByteArray]) -> list[Maps]:
        """Return the maps of each picture, in order."""
        several = self._for_several if len(images) > 1 else None
        maps = (several or self._for_one).run(images)
        self._make_whole()
        return maps

    def _make_whole(self) -> None:
        with self._deciding:
            if not self._is_whole:
                self._is_whole = True
                self._thread.start()

    def wait_until_whole(self) -> None:
        """Wait for the second network."""
        self._thread.join()

    def _prepare(self) -> None:
        try:
            self._for_several = self._compile(several=True)
        except RuntimeError as error:  # such as no memory: slower, but as right
            _log.warning("several pictures go one by one: %s", error)


class Requests:
    """A compiled network, with as many requests as run side by side, for each of so many lanes."""

    def __init__(
        self,
        compiled: openvino.CompiledModel,
        network: Network,
        cells_hw: tuple[int, int],
        lanes: int,
    ) -> None:
        self._network, self._cells_hw = network, cells_hw
        count = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._free: queue.SimpleQueue[list[openvino.InferRequest]] = queue.SimpleQueue()
        for _ in range(lanes):
            self._free.put([compiled.create_infer_request() for _ in range(count)])

    def run(self, images: Sequence[ByteArray]) -> list[Maps]:
        """Return the maps of each picture, in order; once a lane is free."""
        requests = self._free.get()
        try:
            return self._run(requests, images)
        finally:
            self._free.put(requests)

    def _run(
        self, requests: Sequence[openvino.InferRequest], images: Sequence[ByteArray]
    ) -> list[Maps]:
        # OpenVINO reads and writes these arrays where they lie: they must outlive the requests.
        inputs = [np.require(image_hw3[None], requirements=("C", "W")) for image_hw3 in images]
        outputs = [self._empty_outputs() for _ in inputs]
        with ExitStack() as at_the_end:
            for request in requests:
                at_the_end.callback(request.wait)  # for each, also when another has failed
            for index, (image_nhw3, pair) in enumerate(zip(inputs, outputs, strict=True)):
                request = requests[index % len(requests)]
                request.wait()  # for an earlier picture of this call
                self._start(request, image_nhw3, pair)
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
