"""What `ghostpose plan` reckons with, from what was measured, and how well it reckons."""

from __future__ import annotations

from typing import Any

from app.capacity.costs import FrameCost, Kilobytes, UnitCosts
from app.capacity.planner import sustained_fps
from benchmarks.clips import CLIP, source_size
from benchmarks.end_to_end import BATCH, HEIGHT_PX
from benchmarks.machine import short
from ingest.prepare import fit_height

LOAD = "80%"
"""Costs are those at this load of live cameras, about what is planned with; what they say of the
saturated pipeline is then a prediction."""

LEAST_MS = 0.01
"""A difference of two measurements may be nothing, or less; a cost may not."""


def unit_costs(results: dict[str, Any]) -> UnitCosts:
    """Return the unit costs of this machine."""
    pipeline, transport = results["end_to_end"], results["transport"]
    load, source_px = pipeline["loads"][LOAD], source_size(CLIP)
    sizes = transport["bytes"]
    return UnitCosts(
        machine=short(results["machine"]),
        cores=results["machine"]["cores"],
        precision=f"{pipeline['bare']['engine']} {pipeline['bare']['precision']}",
        source_px=source_px,
        network_px=fit_height(*source_px, HEIGHT_PX),
        frame_costs=tuple(_frame_costs(load["core_ms"], pipeline, transport)),
        store_turns_ms=_store_turns_ms(load, transport),
        kilobytes=Kilobytes(
            frame=sizes["picture, jpeg"] / 1000,
            maps=sizes["maps, compact"] / 1000,
            pose=sizes["pose message"] / 1000,
            state=sizes["tracker state"] / 1000,
        ),
        process_mb={
            role: mb / (load["cameras"] if role == "ingest" else 1)
            for role, mb in load["memory_mb"].items()
        },
        beat_ms=transport["server_beat_ms"],
    )


def _frame_costs(
    core_ms: dict[str, float], pipeline: dict[str, Any], transport: dict[str, Any]
) -> list[FrameCost]:
    network_ms = pipeline["bare"]["batches"][BATCH]["core_ms"]
    decoding_ms = transport["decoding_ms"]["median"]
    rest_ms = {
        "ingest": core_ms["ingest"] - decoding_ms,
        "inference": core_ms["inference"] - network_ms,
    }
    return [
        _cost("ingest", "decoding", decoding_ms, "source"),
        _cost("ingest", "resizing, coding, publishing", rest_ms["ingest"], "network"),
        _cost("inference", "the network", network_ms, "network"),
        _cost("inference", "decoding, coding maps, the bus", rest_ms["inference"], "network"),
        _cost("postprocess", "grouping, tracking, committing", core_ms["postprocess"], "network"),
        _cost("store", "writing", transport["store_core_ms"]["median"], "frames"),
        _cost("server", "all steps", core_ms["server"], "frames"),
    ]


def _store_turns_ms(load: dict[str, Any], transport: dict[str, Any]) -> float:
    """Return what the store took each second beyond what as many frames cost a busy one."""
    more_ms = load["core_ms"]["store"] - transport["store_core_ms"]["median"]
    return round(max(LEAST_MS, load["fps"] * more_ms), 3)


def _cost(role: Any, step: str, core_ms: float, grows_with: Any) -> FrameCost:
    return FrameCost(
        role=role, step=step, core_ms=round(max(LEAST_MS, core_ms), 3), grows_with=grows_with
    )


def prediction(costs: UnitCosts, results: dict[str, Any]) -> dict[str, float]:
    """Return what the planner says that this machine sustains, and what it did."""
    predicted = sustained_fps(costs, costs.source_px, costs.network_px, costs.cores)
    measured = results["end_to_end"]["saturated"]["fps"]
    return {"predicted_fps": predicted, "measured_fps": measured, "ratio": predicted / measured}


def lines(costs: UnitCosts, predicted: dict[str, float]) -> list[str]:
    """Return costs and prediction as a table."""
    rows = ["| role | step | core-ms a frame | grows with |", "|-|-|-|-|"]
    rows += [
        f"| {cost.role} | {cost.step} | {cost.core_ms:.2f} | {cost.grows_with} |"
        for cost in costs.frame_costs
    ]
    rows.append("")
    rows.append(f"Besides, a store's turns take {costs.store_turns_ms:.0f} core-ms each second.")
    rows.append("")
    rows.append(
        f"`ghostpose plan`'s formula says {predicted['predicted_fps']:.1f} frames/s of this"
        f" machine; measured were {predicted['measured_fps']:.1f}: the formula says"
        f" {predicted['ratio']:.2f} times as much."
    )
    return rows
