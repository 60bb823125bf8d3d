"""How near the network is to what the machine can do, and which layers hold it up.

The machine's own rates are measured here: multiplying large matrices in each precision, and copying
memory that fits no cache. A layer's work is counted from its shapes; its time is what OpenVINO's
profiler says of the layer that it was fused into.
"""

from __future__ import annotations

import os
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino
import openvino.opset13 as ops

from benchmarks.layers import MOVING, Layer, layers_of
from benchmarks.network_files import BASELINE, POSE, file_of, shipped
from benchmarks.networks import precisions
from benchmarks.timing import in_turns
from workers.engines.openvino_core import CORE

if TYPE_CHECKING:
    from pathlib import Path

SIDE, PLACES, PRODUCTS = 512, (64, 64), 16
SECONDS = 1.5
COPIED_BYTES = 512 * 2**20
SIZE_HW = (368, 368)
PASSES = 30
WHOLE = "all layers"
BYTES_A_VALUE = {"f32": 4, "bf16": 2, "int8": 1}


def measure(folder: Path) -> dict[str, Any]:
    """Return the machine's rates, and each network's share of them by kind of layer."""
    rates = {name: matmul_gflops(name) for name in precisions()}
    gb_s = bandwidth_gb_s()
    networks = {
        f"{network}: openvino {precision}": _network(network, precision, rate, gb_s, folder)
        for network in (POSE, BASELINE)
        for precision, rate in rates.items()
    }
    return {"matmul_gflops": rates, "bandwidth_gb_s": gb_s, "networks": networks}


def matmul_gflops(precision: str) -> float:
    """Return 10^9 operations a second (a multiplication and an addition are two).

    Products are written as 1x1 convolutions, which they are, so that int8 has them too; one follows
    the other, so that bringing the first values in costs little.
    """
    request = _compiled(_products(quantised=precision == "int8"), precision).create_infer_request()
    values = np.random.default_rng(0).random((1, SIDE, *PLACES), np.float32)
    took = in_turns({"products": lambda: request.infer([values])}, seconds=SECONDS)
    return float(2 * PRODUCTS * SIDE**2 * np.prod(PLACES) / took["products"]["min"] / 1e6)


def _products(*, quantised: bool) -> openvino.Model:
    rng = np.random.default_rng(1)
    values = ops.parameter([1, SIDE, *PLACES], np.float32)
    product = values
    for _ in range(PRODUCTS):
        weights = ops.constant(rng.uniform(-1, 1, (SIDE, SIDE, 1, 1)).astype(np.float32))
        if quantised:
            product = ops.fake_quantize(product, *_range(0, 1), 256)
            weights = ops.fake_quantize(weights, *_range(-1, 1), 255)
        product = ops.relu(ops.convolution(product, weights, [1, 1], [0, 0], [0, 0], [1, 1]))
    return openvino.Model([product], [values])


def _range(low: float, high: float) -> list[Any]:
    return [ops.constant(np.float32(value)) for value in (low, high, low, high)]


def bandwidth_gb_s() -> float:
    """Return what all cores copy together: 10^9 bytes a second, those read and those written."""
    cores = len(os.sched_getaffinity(0))
    count = COPIED_BYTES // cores
    pairs = [(np.ones(count, np.uint8), np.empty(count, np.uint8)) for _ in range(cores)]

    def copy() -> None:
        list(pool.map(lambda pair: np.copyto(pair[1], pair[0]), pairs))

    with ThreadPoolExecutor(cores) as pool:
        took = in_turns({"copy": copy}, seconds=SECONDS)
    return 2 * COPIED_BYTES / took["copy"]["min"] / 1e6


def _network(network: str, precision: str, gflops: float, gb_s: float, folder: Path) -> Any:
    """Return a network's time, its share of the machine's rates, and both by kind of layer."""
    model = _model(network, precision, folder)
    known, values_s = layers_of(model), gb_s / BYTES_A_VALUE[precision]
    request = _compiled(model, precision, PERF_COUNT=True).create_infer_request()
    picture = np.random.default_rng(0).integers(0, 255, (1, *SIZE_HW, 3)).astype(np.float32)
    spent_ms: defaultdict[str, float] = defaultdict(float)
    picture = picture.transpose(0, 3, 1, 2)
    for number in range(PASSES + 3):
        request.infer([picture])
        for node in request.profiling_info if number >= 3 else ():
            kind = known[node.node_name].kind if node.node_name in known else MOVING
            spent_ms[kind] += node.real_time.total_seconds() * 1000 / PASSES
    return {
        kind: _share([one for one in known.values() if one.kind == kind], ms, gflops, values_s)
        for kind, ms in spent_ms.items()
        if ms
    } | {WHOLE: _share(list(known.values()), sum(spent_ms.values()), gflops, values_s)}


def _share(layers: list[Layer], ms: float, gflops: float, values_s: float) -> dict[str, float]:
    operations = sum(layer.operations for layer in layers)
    moved = sum(layer.values_moved for layer in layers)
    return {
        "ms": ms,
        "of_matmul": operations / ms / 1e6 / gflops,
        "of_bandwidth": moved / ms / 1e6 / values_s,
    }


def _model(network: str, precision: str, folder: Path) -> openvino.Model:
    path = file_of(network, precision, folder) or shipped(precision)
    model = CORE.read_model(path)
    model.reshape([1, 3, *SIZE_HW])
    return model


def _compiled(model: openvino.Model, precision: str, **more: Any) -> openvino.CompiledModel:
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        **more,
    }
    return CORE.compile_model(model, "CPU", settings)


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as tables."""
    rates = ", ".join(f"{name} {rate:,.0f}" for name, rate in result["matmul_gflops"].items())
    rows = [
        f"Large products, 10^9 operations/s: {rates}; copying {result['bandwidth_gb_s']:.1f} GB/s.",
        "",
        "| network at 368x368 | layers | ms | share | of products' rate | of copying |",
        "|-|-|-|-|-|-|",
    ]
    for name, kinds in result["networks"].items():
        whole_ms = kinds[WHOLE]["ms"]
        for kind, one in sorted(kinds.items(), key=lambda item: -item[1]["ms"]):
            rows.append(
                f"| {name} | {kind} | {one['ms']:.2f} | {one['ms'] / whole_ms:.0%}"
                f" | {one['of_matmul']:.0%} | {one['of_bandwidth']:.0%} |"
            )
    return rows
