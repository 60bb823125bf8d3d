"""A plan for people, and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from app.capacity.costs import UnitCosts
    from app.capacity.planner import Plan


def as_json(plan: Plan, costs: UnitCosts) -> dict[str, Any]:
    """Return the plan as one JSON object, with the machine whose costs it goes by."""
    first = min(plan.limits, key=lambda limit: limit.frames_per_s)
    return {
        **asdict(plan),
        "frames_per_s": plan.load.frames_per_s,
        "memory_mb": plan.memory_mb,
        "saturates_first": first.what,
        "costs_of": {"machine": costs.machine, "precision": costs.precision},
    }


def headline(plan: Plan, costs: UnitCosts) -> str:
    """Return what was asked, and by whose costs it is answered."""
    load = plan.load
    return (
        f"{load.cameras:,} cameras x {load.fps:g} fps, sources {_size(load.source_px)}, network"
        f" {_size(load.network_px)}: {load.frames_per_s:,.0f} frames/s\n"
        f"by unit costs of {costs.machine} ({costs.precision})"
    )


def conclusions(plan: Plan) -> list[str]:
    """Return what to have, a line each."""
    load = plan.load
    of_each = f"{load.share:.0%} of their cores busy"
    return [
        f"machines      {plan.machines:,} of {load.cores_a_machine} cores, {of_each}",
        f"Redis shards  {plan.shards:,} in {plan.deployments:,} deployments of"
        f" {plan.partitions} partitions",
        f"network       {plan.to_servers_mbit:,.0f} Mbit/s to the servers,"
        f" {plan.from_servers_mbit:,.0f} from them",
        f"memory        {plan.memory_mb / 1000:,.1f} GB",
    ]


def roles_table(plan: Plan) -> Table:
    """Return a row a role."""
    table = _table("role", "core-ms a frame", "cores busy", "processes", "memory, GB")
    for role in plan.roles:
        table.add_row(
            role.role,
            f"{role.core_ms:.2f}",
            f"{role.cores:,.1f}",
            f"{role.processes:,}",
            f"{role.memory_mb / 1000:,.1f}",
        )
    return table


def limits_table(plan: Plan) -> Table:
    """Return a row for each thing there is one of, what saturates first on top."""
    table = _table("there is one of", "frames/s", "cameras", "beyond that")
    for limit in sorted(plan.limits, key=lambda one: one.frames_per_s):
        cameras = limit.frames_per_s / plan.load.fps
        table.add_row(limit.what, f"{limit.frames_per_s:,.0f}", f"{cameras:,.0f}", limit.remedy)
    return table


def _table(first: str, *others: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="left" if name == "beyond that" else "right")
    return table


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
