"""What an OpenVINO device can do, what is asked of it, and how it is told."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ghostpose.errors import EngineError
from ghostpose.network.weights import SHIPPED_INT8, SHIPPED_WEIGHTS
from workers.engines.openvino_core import CORE

if TYPE_CHECKING:
    from workers.engines.protocol import EngineOptions, Precision

_LOG: Final = logging.getLogger("workers.engines.openvino_device.choose_precision")

_CAPABILITY: Final[dict[Precision, str]] = {"bf16": "BF16", "f16": "FP16"}
"""OpenVINO's name of a precision among a device's OPTIMIZATION_CAPABILITIES; the best first."""

INT8_INSTRUCTIONS: Final = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
"""As Linux calls them. Without any of them int8 is emulated, and slower than it could be."""


def find_device(wanted: str) -> str:
    """Return OpenVINO's name of a device called `auto`, `cpu`, `gpu`, `gpu.1`, `npu`.

    Raises:
        EngineError: it isn't there.
    """
    device = "CPU" if wanted == "auto" else wanted.upper()
    available = CORE.available_devices
    if device not in {name for full in available for name in (full, full.split(".")[0])}:
        choices = ", ".join(name.lower() for name in available)
        raise EngineError(
            f"engine openvino finds no device {wanted!r} here, only {choices}"
            + ("; CUDA needs engine torch" if wanted.startswith("cuda") else "")
        )
    return device


def choose_precision(device: str, options: EngineOptions) -> Precision:
    """Return what to compute in: what was asked for if the device has it, else the fastest.

    Raises:
        EngineError: the device doesn't compute in what was asked for.
    """
    native = _native(device)
    if options.precision not in ("auto", "f32", "int8", *native):
        raise EngineError(
            f"this {device} computes {', '.join(('f32', *native))} natively, not"
            f" {options.precision}: use precision auto"
        )
    if options.precision != "auto":
        return options.precision
    if options.deterministic:
        return "f32"
    is_shipped = options.weights == SHIPPED_WEIGHTS.with_suffix(".xml")
    if is_shipped and device == "CPU" and gains_from_int8() and _has_int8(SHIPPED_INT8):
        return "int8"
    return float_precision(device)


def _has_int8(network: Path) -> bool:
    """Return whether the network in int8 is there; say so if it isn't."""
    files = (network, network.with_suffix(".bin"))
    missing = next((path for path in files if not path.is_file()), None)
    if missing is not None:
        _LOG.warning(
            "the int8 network that comes with ghostpose isn't there (%s): it runs in floating"
            " point, which is slower; install ghostpose again",
            missing,
        )
    return missing is None


def float_precision(device: str) -> Precision:
    """Return the fastest floating-point format of a device."""
    return next(iter(_native(device)), "f32")


def _native(device: str) -> list[Precision]:
    has = CORE.get_property(device, "OPTIMIZATION_CAPABILITIES")
    return [name for name, word in _CAPABILITY.items() if word in has]


def gains_from_int8(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether this processor has instructions that multiply int8 and add up int32."""
    try:
        flags = next(line for line in cpuinfo.read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return False  # not known: floating point is no mistake anywhere
    return not INT8_INSTRUCTIONS.isdisjoint(flags.split())


def compile_settings(
    options: EngineOptions, device: str, floats: Precision, *, several: bool
) -> dict[str, object]:
    """Return what to tell OpenVINO when it compiles, for one picture at a time or several.

    `floats` is for layers that aren't int8.
    """
    settings: dict[str, object] = {
        "PERFORMANCE_HINT": "THROUGHPUT" if several else "LATENCY",
        "INFERENCE_PRECISION_HINT": floats,
    }
    if several:
        settings["PERFORMANCE_HINT_NUM_REQUESTS"] = options.batch
    if device == "CPU":
        # Pinned, the first threads of every worker on this machine would share the first cores.
        settings["ENABLE_CPU_PINNING"] = False
        settings["INFERENCE_NUM_THREADS"] = options.threads or (1 if options.deterministic else 0)
        if options.deterministic:
            settings["NUM_STREAMS"] = 1
    return settings
