"""Inference engines: pictures in, maps out. One file an engine; heavy imports happen on demand."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from ghostpose.errors import EngineError, WeightsError
from ghostpose.network.weights import SHIPPED_WEIGHTS
from workers.engines.protocol import Engine, EngineName, EngineOptions, Precision

if TYPE_CHECKING:
    from typing import Literal

__all__ = ["Engine", "EngineName", "EngineOptions", "Precision", "create_engine"]

STUB: Final = "stub"

NVIDIA_DEVICES: Final = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
"""Where one of these is missing there is no CUDA, and no need to import torch to find out."""


def create_engine(
    name: str = "auto",
    *,
    weights: Path | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    threads: int = 0,
    batch: int = 1,
    paf_offset_cells: float | None = None,
    deterministic: bool = False,
) -> Engine:
    """Return an engine called `auto`, `openvino` or `torch`; the rest is in `EngineOptions`.

    `auto` is torch where there is CUDA, openvino elsewhere. Without `weights` it runs those that
    ghostpose comes with. `stub:MS` is no network and takes no options: see `workers.engines.stub`.

    Raises:
        EngineError: engine, device or precision are unknown here.
        WeightsError: the weights are missing, damaged, or of another network.
    """
    if name.partition(":")[0] == STUB:
        from workers.engines.stub import parse_stub

        return parse_stub(name)
    device = device.lower()
    if weights is not None and not weights.is_file():
        raise WeightsError(f"weights {weights} don't exist: check the path")
    chosen = _choose(name, weights, device)
    options = EngineOptions(
        weights=weights or SHIPPED_WEIGHTS.with_suffix(_SHIPPED_SUFFIX[chosen]),
        device=device,
        precision=precision,
        threads=threads,
        batch=batch,
        paf_offset_cells=paf_offset_cells,
        deterministic=deterministic,
    )
    return _make(chosen, options)


_SHIPPED_SUFFIX: Final = {"openvino": ".xml", "torch": ".safetensors"}
_EXTRA: Final = {"openvino": "infer", "torch": "torch"}


def _choose(name: str, weights: Path | None, device: str) -> Literal["openvino", "torch"]:
    if name not in get_args(EngineName):
        raise EngineError(
            f"engine {name!r} is unknown: choose from {', '.join(get_args(EngineName))}"
        )
    if name == "torch":
        return "torch"
    if name == "openvino":
        return "openvino"
    if weights is not None and weights.suffix != ".safetensors":
        return "openvino"
    if device.startswith("cuda") or (device == "auto" and _has_cuda()):
        return "torch"
    return "openvino" if _installed("openvino") or not _installed("torch") else "torch"


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _has_cuda() -> bool:
    if not any(path.exists() for path in NVIDIA_DEVICES):
        return False
    if not _installed("torch"):
        return False
    import torch

    return torch.cuda.is_available()


def _make(name: Literal["openvino", "torch"], options: EngineOptions) -> Engine:
    if not _installed(name):
        raise EngineError(
            f"engine {name} is not installed: pip install 'ghostpose[{_EXTRA[name]}]'"
        )
    if name == "torch":
        from workers.engines.torch_engine import TorchEngine

        return TorchEngine(options)
    from workers.engines.openvino_engine import OpenVinoEngine

    return OpenVinoEngine(options)
