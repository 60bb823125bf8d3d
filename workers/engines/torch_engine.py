"""The network in PyTorch: CUDA in half precision by graphs, or the CPU in float32."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor, nn

from ghostpose.errors import EngineError
from ghostpose.network.model import fold_batch_norm, normalise
from ghostpose.network.weights import load_network
from ghostpose.types import Maps
from workers.engines.cuda_graphs import CudaGraphs
from workers.engines.padding import FILL, common_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from ghostpose.types import ByteArray
    from workers.engines.protocol import EngineOptions, Precision

_DTYPES: Final = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


class TorchEngine:
    """Reads .safetensors; folds batch norms; one call, one batch.

    Raises:
        EngineError: the device or precision isn't there.
        WeightsError: the weights can't be used.
    """

    name = "torch"
    lanes = 1

    def __init__(self, options: EngineOptions) -> None:
        if options.weights.suffix != ".safetensors":
            raise EngineError(
                f"engine torch reads .safetensors, not {options.weights.name}: use engine openvino"
            )
        self._device = _find_device(options.device)
        self.device = str(self._device)
        self.precision: str = _choose_precision(options, self._device)
        self._deterministic = options.deterministic
        network, header = load_network(options.weights)
        self.paf_offset_cells = (
            header.paf_offset_cells
            if options.paf_offset_cells is None
            else options.paf_offset_cells
        )
        dtype = _DTYPES[self.precision]
        folded = fold_batch_norm(network).to(self._device, dtype)
        folded = folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._forward = _Forward(folded, dtype, options.deterministic)
        self._graphs: CudaGraphs | None = None
        if self._device.type == "cuda":
            most = 1 if options.deterministic else options.batch
            self._graphs = CudaGraphs(self._forward, self._device, most)
        threads = options.threads or (1 if options.deterministic else 0)
        if threads:
            torch.set_num_threads(threads)

    def warm_up(self, height: int, width: int, batch: int = 1) -> None:
        """Run `batch` grey pictures of this size; on CUDA capture the graphs of up to so many.

        Raises:
            EngineError: the device's memory doesn't hold them.
        """
        if self._graphs is not None:
            self._graphs.prepare((height, width), batch)
        else:
            self.infer([np.full((height, width, 3), FILL, np.uint8)] * batch)

    def infer(self, images: Sequence[ByteArray]) -> list[Maps]:
        """Return the maps of each picture; see `Engine.infer`."""
        if not images:
            return []
        common_size(images)
        if self._deterministic:  # a batch may be summed in another order than its pictures alone
            return [maps for image in images for maps in self._run([image])]
        return self._run(images)

    def _run(self, images: Sequence[ByteArray]) -> list[Maps]:
        if self._graphs is None:
            pcm_nchw, paf_nchw = self._forward(torch.from_numpy(np.stack(images)))
        else:
            pcm_nchw, paf_nchw = self._graphs.run(images)
        pairs = zip(pcm_nchw.numpy(), paf_nchw.numpy(), strict=True)
        return [Maps(pcm_chw, paf_chw, self.paf_offset_cells) for pcm_chw, paf_chw in pairs]


@dataclass(frozen=True, slots=True)
class _Forward:
    """The network from pictures (n, h, w, 3), BGR uint8, to PCM and PAF (n, c, h / 8, w / 8).

    The maps are float32. All on the device where the network is.
    """

    network: nn.Module
    dtype: torch.dtype
    deterministic: bool

    def __call__(self, image_nhw3: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(), self._kernels(image_nhw3):
            # A view of (n, h, w, 3) as (n, 3, h, w) is channels-last without a copy.
            image_n3hw = image_nhw3.permute(0, 3, 1, 2)
            pcm_nchw, paf_nchw = self.network(normalise(image_n3hw.float()).to(self.dtype))[-1]
            return pcm_nchw.float().contiguous(), paf_nchw.float().contiguous()

    def _kernels(self, image_nhw3: Tensor) -> AbstractContextManager[None]:
        """Let cuDNN choose the fastest kernels, or, for equal results, always the same ones.

        In a capture they were chosen before: to time them there would end it.
        """
        free = not self.deterministic
        capturing = image_nhw3.is_cuda and torch.cuda.is_current_stream_capturing()
        return torch.backends.cudnn.flags(
            enabled=True, benchmark=free and not capturing, deterministic=not free, allow_tf32=free
        )


def _find_device(wanted: str) -> torch.device:
    """Return the device called `auto`, `cpu`, `cuda` or `cuda:N`."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cpu" or (wanted == "auto" and not count):
        return torch.device("cpu")
    match = re.fullmatch(r"(?:auto|cuda)(?::(\d+))?", wanted)
    if match is None or (wanted.startswith("auto") and match[1]):
        raise EngineError(
            f"engine torch has no device {wanted!r}: choose auto, cpu, cuda or cuda:N"
        )
    index = int(match[1] or 0)
    if index >= count:
        raise EngineError(
            f"device {wanted}: torch {torch.__version__} finds {count} CUDA devices here;"
            " use --device cpu, or install a CUDA build of torch and its driver"
        )
    return torch.device("cuda", index)


def _choose_precision(options: EngineOptions, device: torch.device) -> Precision:
    if options.precision == "int8":
        raise EngineError("engine torch has no int8: use engine openvino, or precision auto")
    if device.type == "cpu":
        if options.precision not in ("auto", "f32"):
            raise EngineError(
                f"engine torch computes in f32 on the CPU, not {options.precision}:"
                " use engine openvino, or precision auto"
            )
        return "f32"
    if options.precision == "bf16" and not torch.cuda.is_bf16_supported():
        raise EngineError(f"device {device} has no bf16: use precision f16")
    if options.precision == "auto":
        return "f32" if options.deterministic else "f16"
    return options.precision
