"""The figures that are held to targets, from all sections' results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks import end_to_end, engine, grouping, plain, stub_pipeline

SECTIONS = {
    "engine": engine.ratios,
    "grouping": grouping.ratios,
    "end_to_end": end_to_end.ratios,
    "stub_pipeline": stub_pipeline.ratios,
    "plain": plain.ratios,
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be at least, or at most."""

    limit: float
    at_most: bool = False

    def met(self, value: float) -> bool:
        return value <= self.limit if self.at_most else value >= self.limit

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.limit:g}"


TARGETS = {
    "engine_speedup": Target(7),
    "engine_speedup_same_runtime": Target(1.5),
    "grouping_speedup_1": Target(200),
    "grouping_speedup_20": Target(30),
    "pipeline_overhead_core_ms": Target(5, at_most=True),
    "pipeline_efficiency": Target(0.75),
    "latency_p99_half_load": Target(4, at_most=True),
    "stub_engine_fps": Target(300),
    "pipeline_vs_plain": Target(5),
    "second_worker_speedup": Target(1.9),
    "fourth_worker_speedup": Target(3.6),
}


def all_ratios(results: dict[str, Any]) -> dict[str, float]:
    """Return the figures that the sections at hand give."""
    found: dict[str, float] = {}
    for section, ratios in SECTIONS.items():
        if section in results:
            found |= ratios(results[section])
    return found


def lines(ratios: dict[str, float]) -> list[str]:
    """Return the figures beside their targets, as a table."""
    rows = ["| ratio | measured | target | |", "|-|-|-|-|"]
    for name, value in ratios.items():
        target = TARGETS[name]
        rows.append(
            f"| {name} | {value:.2f} | {target} | {'' if target.met(value) else 'missed'} |"
        )
    return rows
