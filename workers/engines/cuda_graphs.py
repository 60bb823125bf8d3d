"""The network on a GPU: its kernels as CUDA graphs, on a stream of their own, from and to pinned
memory."""

from __future__ import annotations

import gc
import logging
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from ghostpose.errors import EngineError
from workers.engines.padding import FILL, filled_up
from workers.engines.protocol import MAX_SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch.cuda import _POOL_HANDLE

    from ghostpose.types import ByteArray

    Forward = Callable[[Tensor], tuple[Tensor, Tensor]]
    """Pictures (n, h, w, 3), BGR uint8, to their PCM and PAF (n, c, h / 8, w / 8), float32."""

_log = logging.getLogger("workers.engines.CudaGraphs")

TOLERANCE: Final = 0.03
"""How far a graph's maps may be from those of the same kernels launched one by one, which are
nearly always the same bits; bf16 rounds to 0.008 at 1. Maps that were never written are NaN."""


class CudaGraphs:
    """Runs a network on CUDA; for one thread.

    Launched one by one, the network's kernels keep a processor core busy for longer than the GPU:
    a graph is one launch. It holds for one shape, so a call's pictures are filled up to 1, 2, 4 ...
    or `most` of them, and each number of each size is captured when it first comes.

    A graph is replayed blindly, so it is compared with the kernels launched one by one when it is
    captured. Once one fails they are all launched one by one, here: what a failed capture leaves
    behind in torch can spoil the next.
    """

    def __init__(self, forward: Forward, device: torch.device, most: int) -> None:
        self._forward, self._device, self._most = forward, device, most
        with torch.cuda.device(device):
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            # Memory that was used on a stream is given back by an event there, from any thread: on
            # a stream that is being captured, that would end the capture.
            self._capturing = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            self._pool = torch.cuda.graph_pool_handle()
            self._stream.wait_stream(torch.cuda.current_stream(device))  # for the weights
        self._done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        self._sizes: OrderedDict[tuple[int, int], dict[int, _Graph]] = OrderedDict()
        self._failed: _Graph | None = None

    def prepare(self, size_hw: tuple[int, int], count: int) -> None:
        """Capture the graphs for up to `count` pictures of this size; 0: for as many as come.

        Raises:
            EngineError: the device's memory doesn't hold them.
        """
        height, width = size_hw
        most = min(count or self._most, self._most)
        picture_hw3 = np.full((height, width, 3), FILL, np.uint8)
        try:
            # The largest first: the others fit into its memory.
            for number in sorted({self._filled_up(n) for n in range(1, most + 1)}, reverse=True):
                self.run([picture_hw3] * number)
        except torch.OutOfMemoryError as error:
            raise EngineError(
                f"device {self._device} has no memory for {most} pictures of {width}x{height} at"
                " once: use a smaller batch or height"
            ) from error

    @torch.inference_mode()
    def run(self, images: Sequence[ByteArray]) -> tuple[Tensor, Tensor]:
        """Return PCM and PAF (n, c, h / 8, w / 8), float32 in pinned memory of their own."""
        count = len(images)
        # On one stream from here on, so each step waits for those before it.
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            pictures_nhw3 = _pinned((self._filled_up(count), *images[0].shape), torch.uint8)
            np.stack(images, out=pictures_nhw3[:count].numpy())
            maps_nchw = self._run(pictures_nhw3)
            pcm_nchw, paf_nchw = (_to_pinned(each_nchw[:count]) for each_nchw in maps_nchw)
            self._done.record(self._stream)
            self._done.synchronize()
        return pcm_nchw, paf_nchw

    def _filled_up(self, count: int) -> int:
        return min(filled_up(count), self._most) if count <= self._most else filled_up(count)

    def _run(self, pictures_nhw3: Tensor) -> tuple[Tensor, ...]:
        """Return the maps, on the device, good until the next call."""
        if self._failed is None:
            graph = self._graph(pictures_nhw3)
            if graph.error is None:
                graph.pictures_nhw3.copy_(pictures_nhw3, non_blocking=True)
                return graph.replay()
            _log.warning(
                "no CUDA graphs, kernels are launched one by one: for pictures %s: %s",
                tuple(pictures_nhw3.shape),
                graph.error,
            )
            self._sizes.clear()
            self._failed = graph  # kept: torch's state may refer to it
        return self._forward(pictures_nhw3.to(self._device, non_blocking=True))

    def _graph(self, pictures_nhw3: Tensor) -> _Graph:
        count, height, width, _ = pictures_nhw3.shape
        of_size = self._sizes.get((height, width), {})
        if count not in of_size:
            graph = _Graph(self._forward, pictures_nhw3.shape, self._device)
            graph.capture(self._capturing, self._pool)
            of_size[count] = graph
        self._sizes[height, width] = of_size
        self._sizes.move_to_end((height, width))
        # After a capture, since the memory pool ends with its last graph.
        if len(self._sizes) > MAX_SHAPES:
            self._sizes.popitem(last=False)
        return of_size[count]


class _Graph:
    """The network for pictures of one shape, which are read where they lie."""

    def __init__(self, forward: Forward, shape_nhw3: tuple[int, ...], device: torch.device) -> None:
        self._forward = forward
        noise_nhw3 = np.random.default_rng(0).integers(0, 256, shape_nhw3, np.uint8)
        self.pictures_nhw3 = torch.from_numpy(noise_nhw3).to(device)
        self._graph = torch.cuda.CUDAGraph()
        self._maps_nchw: tuple[Tensor, ...] = ()
        self.error: str | None = None

    def capture(self, stream: torch.cuda.Stream, pool: _POOL_HANDLE) -> None:
        """Capture and check the graph; `error` says what went wrong."""
        # Twice: cuDNN chooses and allocates at first, which a capture doesn't allow.
        self._forward(self.pictures_nhw3)
        wanted_nchw = self._forward(self.pictures_nhw3)
        try:
            # What other threads do with CUDA meanwhile is none of this capture's business.
            with (
                _no_collection(),
                torch.cuda.stream(stream),
                torch.cuda.graph(
                    self._graph, pool=pool, stream=stream, capture_error_mode="thread_local"
                ),
            ):
                self._maps_nchw = self._forward(self.pictures_nhw3)
            self._check(wanted_nchw)
        except RuntimeError as error:  # slower, but as right
            self.error = str(error)  # the exception itself would keep activations
            self._graph.reset()  # for its memory
            self._maps_nchw = ()

    def replay(self) -> tuple[Tensor, ...]:
        """Return the maps of `pictures_nhw3`, good until the next call."""
        self._graph.replay()
        return self._maps_nchw

    def _check(self, wanted_nchw: tuple[Tensor, ...]) -> None:
        for maps_nchw in self._maps_nchw:
            maps_nchw.fill_(torch.nan)  # a replay that writes nothing is to be seen
        for got_nchw, each_nchw in zip(self.replay(), wanted_nchw, strict=True):
            if not torch.allclose(got_nchw, each_nchw, rtol=0, atol=TOLERANCE):
                raise RuntimeError("its maps are not those of its kernels launched one by one")


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python's collector from destroying another graph here, which would end a capture."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _pinned(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return memory that the GPU copies from or to by itself; torch keeps freed pieces of it."""
    return torch.empty(shape, dtype=dtype, pin_memory=True)


def _to_pinned(maps_nchw: Tensor) -> Tensor:
    return _pinned(maps_nchw.shape, maps_nchw.dtype).copy_(maps_nchw, non_blocking=True)
