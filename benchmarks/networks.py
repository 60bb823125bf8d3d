"""Frames a second of Pose, pose-wide and Lightweight OpenPose, by runtime and precision.

All of one size and batch take turns, so that what else the machine does falls on all alike. In
OpenVINO it is the engine that workers use: pictures in, maps out; a batch is so many pictures in
one call. `torch f32` is the network in eager mode as it is, batch norms and all; `torch cuda` is
the engine on a GPU, where there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.network_files import BASELINE, NETWORKS, POSE, eager, file_of
from benchmarks.network_memory import memory_of_all
from benchmarks.timing import in_turns, shown
from workers.engines import create_engine
from workers.engines.openvino_core import CORE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZES = {"368x368": (368, 368), "656x368": (368, 656)}
"""Width x height -> rows, columns."""

BATCHES = (1, 4, 8)
SECONDS, SECONDS_FULL = 4.0, 30.0
EAGER = "torch f32"


def precisions() -> list[str]:
    """Return what OpenVINO computes in here."""
    has = CORE.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ["f32", *(["bf16"] if "BF16" in has else []), "int8"]


def measure(folder: Path, *, full: bool) -> dict[str, Any]:
    """Return ms a frame by size, batch, network and way; memory; what `auto` is here."""
    auto = create_engine("openvino")
    return {
        "default": {"runtime": auto.name, "precision": auto.precision},
        "ms_a_frame": {
            size: {str(batch): _measure_batch(folder, hw, batch, full=full) for batch in BATCHES}
            for size, hw in SIZES.items()
        },
        "peak_mb": memory_of_all(folder, [EAGER, *(f"openvino {p}" for p in precisions())]),
    }


def _measure_batch(
    folder: Path, size_hw: tuple[int, int], batch: int, *, full: bool
) -> dict[str, Any]:
    calls = _calls(folder, size_hw, batch)
    took = in_turns(calls, seconds=SECONDS_FULL if full else SECONDS, least=3, warm_ups=1)
    frames: dict[str, Any] = {}
    for name, ms in took.items():
        network, _, way = name.partition(": ")
        each = {key: value / (batch if key != "count" else 1) for key, value in ms.items()}
        frames.setdefault(network, {})[way] = each
    return frames


def _calls(folder: Path, size_hw: tuple[int, int], batch: int) -> dict[str, Callable[[], object]]:
    rng = np.random.default_rng(0)
    image_nhw3 = rng.integers(0, 255, (batch, *size_hw, 3), np.uint8)
    calls: dict[str, Callable[[], object]] = {}
    for network in NETWORKS:
        run = eager(network)
        calls[f"{network}: {EAGER}"] = lambda run=run: run(image_nhw3)  # type: ignore[misc]
        for precision in precisions():
            engine = create_engine(
                "openvino",
                weights=file_of(network, precision, folder),
                precision=precision,  # type: ignore[arg-type]
                batch=batch,
            )
            engine.warm_up(*size_hw, batch)
            calls[f"{network}: openvino {precision}"] = (
                lambda engine=engine: engine.infer(list(image_nhw3))  # type: ignore[misc]
            )
    if torch.cuda.is_available():
        cuda = create_engine("torch", device="cuda", batch=batch)
        cuda.warm_up(*size_hw, batch)
        calls[f"{POSE}: torch cuda {cuda.precision}"] = lambda: cuda.infer(list(image_nhw3))
    return calls


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as tables."""
    default = result["default"]
    rows = [f"What users get here (`auto`): {default['runtime']} {default['precision']}.", ""]
    rows += ["| size | network | way | batch 1, ms a frame | frames/s at 1 | 4 | 8 | peak MB |"]
    rows.append("|-|-|-|-|-|-|-|-|")
    for size, batches in result["ms_a_frame"].items():
        for network in NETWORKS:
            for way, ms in batches["1"][network].items():
                rates = (
                    f"{1000 / batches[str(batch)][network][way]['median']:.1f}" for batch in BATCHES
                )
                memory = result["peak_mb"].get(f"{network}: {way}")
                shown_memory = f"{memory:.0f}" if memory and size == "368x368" else ""
                rows.append(
                    f"| {size} | {network} | {way} | {shown(ms)} | {' | '.join(rates)} |"
                    f" {shown_memory} |"
                )
    return rows


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """Return the targets that this section answers."""
    batch_1 = result["ms_a_frame"]["368x368"]["1"]
    way = f"openvino {result['default']['precision']}"
    ours = batch_1[POSE][way]["median"]
    return {
        "engine_speedup": batch_1[BASELINE][EAGER]["median"] / ours,
        "engine_speedup_same_runtime": batch_1[BASELINE][way]["median"] / ours,
    }
