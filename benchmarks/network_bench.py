"""How long networks take in OpenVINO: `python benchmarks/network_bench.py [--json]`.

The paper's Table 5 asks for time beside parameters and operations. Weights are random: they change
no time. All networks take turns on one picture, so that what else the machine does falls on all
alike; reported are the median and the quartiles of each, and its median beside the baseline's.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import openvino
from torch import Tensor, nn

from ghostpose.network.baselines import LightweightOpenPose
from ghostpose.network.complexity import measure
from ghostpose.network.export import ExportedNetwork, convert
from ghostpose.network.model import PoseNetwork
from ghostpose.network.options import preset

if TYPE_CHECKING:
    from ghostpose.network.stages import StageMaps


class Baseline(nn.Module):
    """The baseline with its maps in a tuple of stages, as ours has them."""

    def __init__(self) -> None:
        super().__init__()
        self.network = LightweightOpenPose()

    def forward(self, image_n3hw: Tensor) -> tuple[StageMaps, ...]:
        return (self.network(image_n3hw),)


HEIGHT_PX, WIDTH_PX = 368, 656
ROUNDS = 40
BASELINE = "lightweight-openpose"
NETWORKS = {
    BASELINE: Baseline,
    "pose": lambda: PoseNetwork(preset("pose")),
    "pose without SE": lambda: PoseNetwork(replace(preset("pose"), squeeze_excite=False)),
    "pose-wide": lambda: PoseNetwork(preset("pose-wide")),
}


def compile_all(precision: str, threads: int) -> dict[str, openvino.InferRequest]:
    """Return a request of every network, warmed up."""
    core = openvino.Core()
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    requests = {}
    for name, build in NETWORKS.items():
        model = convert(ExportedNetwork(build()))
        model.reshape([1, 3, HEIGHT_PX, WIDTH_PX])
        requests[name] = core.compile_model(model, "CPU", settings).create_infer_request()
    return requests


def time_all(precision: str, threads: int) -> dict[str, list[float]]:
    """Return milliseconds of every network in every round."""
    requests = compile_all(precision, threads)
    picture = np.random.default_rng(0).uniform(0, 255, (1, 3, HEIGHT_PX, WIDTH_PX))
    picture = picture.astype(np.float32)
    times: dict[str, list[float]] = {name: [] for name in requests}
    for number in range(ROUNDS + 3):
        for name, request in requests.items():
            begin = time.perf_counter()
            request.infer([picture])
            if number >= 3:
                times[name].append(1000 * (time.perf_counter() - begin))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one line of JSON a network")
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0: all")
    arguments = parser.parse_args()
    capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    for precision in ("f32", *(("bf16",) if "BF16" in capabilities else ())):
        times = time_all(precision, arguments.threads)
        baseline = float(np.median(times[BASELINE]))
        for name, values in times.items():
            low, middle, high = np.percentile(values, (25, 50, 75))
            size = measure(name, NETWORKS[name], HEIGHT_PX, HEIGHT_PX)
            row = {
                "network": name,
                "precision": precision,
                "parameters_m": round(size.parameters / 1e6, 2),
                "gmacs": round(size.gmacs, 2),
                "ms": [round(float(value), 1) for value in (low, middle, high)],
                "of_baseline": round(float(middle) / baseline, 2),
            }
            if arguments.json:
                print(json.dumps(row))
            else:
                print(
                    f"{precision:5} {name:22} {row['parameters_m']:5.2f} M "
                    f"{row['gmacs']:5.2f} GMACs {middle:7.1f} ms ({low:.1f} to {high:.1f}) "
                    f"{row['of_baseline']:.2f}"
                )


if __name__ == "__main__":
    main()
