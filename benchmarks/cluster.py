"""The pipeline without a network on one server and on a cluster of three nodes, in turn."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.deployment import Deployment, Setup
from benchmarks.end_to_end import recordings, summary
from benchmarks.servers import Servers, one_server, three_nodes

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

SECONDS, SECONDS_FULL = 8.0, 30.0
WARM_S = 3.0
RECORDINGS = 4


def measure(*, full: bool) -> dict[str, Any]:
    """Return what is carried with either."""
    seconds = SECONDS_FULL if full else SECONDS
    with tempfile.TemporaryDirectory() as folder:
        return {
            "one server": _carried(one_server(), seconds),
            "three nodes": _carried(three_nodes(Path(folder)), seconds),
        }


def _carried(servers: AbstractContextManager[Servers], seconds: float) -> dict[str, Any]:
    setup = Setup(recordings(RECORDINGS), {"engine": "stub:1"}, workers=2)
    with Deployment(setup, servers) as site:
        site.wait_until_all_play(WARM_S)
        return summary(site.watch(seconds), live=False)


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as a table."""
    rows = ["| | frames/s | p50, ms | core-ms a frame | of the servers | steps |", "|-|-|-|-|-|-|"]
    for name, one in result.items():
        rows.append(
            f"| {name} | {one['fps']:.1f} | {one['latency_ms']['p50']:.0f}"
            f" | {sum(one['core_ms'].values()):.2f} | {one['core_ms']['server']:.2f}"
            f" | {one['commands_a_frame']['steps']:.1f} |"
        )
    return rows
