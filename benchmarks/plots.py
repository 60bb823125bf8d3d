"""One figure of four parts: the network, grouping, latency under load, what a frame costs where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from benchmarks.grouping import CLASSIC, OURS

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes


def draw(results: dict[str, Any], path: Path) -> None:
    """Write the figure as SVG; equal results give equal files."""
    mpl.rcParams |= {"svg.hashsalt": "ghostpose", "svg.fonttype": "none"}
    figure, axes = plt.subplots(2, 2, figsize=(11, 7.5))
    draw_engine(axes[0, 0], results["engine"])
    draw_grouping(axes[0, 1], results["grouping"])
    draw_latency(axes[1, 0], results["end_to_end"])
    draw_costs(axes[1, 1], results["end_to_end"])
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def draw_engine(axes: Axes, result: dict[str, Any]) -> None:
    batch_1 = result["ms_a_frame"]["368x368"]["1"]
    ways = list(next(iter(batch_1.values())))
    width = 0.8 / len(ways)
    for index, way in enumerate(ways):
        rates = [1000 / one[way]["median"] for one in batch_1.values()]
        places = [place + index * width for place in range(len(rates))]
        axes.bar(places, rates, width, label=way)
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(batch_1))], list(batch_1))
    axes.set_ylabel("frames/s at 368x368, one at a time")
    axes.legend(frameon=False, fontsize=8)


def draw_grouping(axes: Axes, result: dict[str, Any]) -> None:
    people = [int(count) for count in result]
    for name in (CLASSIC, OURS):
        axes.plot(
            people, [one["ms"][name]["median"] for one in result.values()], marker="o", label=name
        )
    axes.set_yscale("log")
    axes.set_xlabel("people")
    axes.set_ylabel("grouping, ms")
    axes.legend(frameon=False, fontsize=8)


def draw_latency(axes: Axes, result: dict[str, Any]) -> None:
    loads = result["loads"]
    for name in ("p50", "p95", "p99"):
        values = [one["latency_ms"][name] for one in loads.values()]
        axes.plot(list(loads), values, marker="o", label=name)
    axes.axhline(result["bare"]["batches"]["1"]["ms"], color="0.6", label="bare inference")
    axes.set_ylim(0, None)
    axes.set_xlabel("load")
    axes.set_ylabel("capture to commit, ms")
    axes.legend(frameon=False, fontsize=8)


def draw_costs(axes: Axes, result: dict[str, Any]) -> None:
    shown = {**result["loads"], "recordings": result["saturated"]}
    below = [0.0] * len(shown)
    for role in next(iter(shown.values()))["core_ms"]:
        values = [one["core_ms"][role] for one in shown.values()]
        axes.bar(list(shown), values, bottom=below, label=role)
        below = [low + value for low, value in zip(below, values, strict=True)]
    axes.set_ylabel("core-ms a frame")
    axes.legend(frameon=False, fontsize=8)
