"""A run's summary as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from app.pipeline import RunResult
    from app.summary import Summary

COLUMNS: Final = (
    "frames",
    "poses",
    "skipped",
    "dead",
    "fps",
    "p50",
    "p95",
    "people",
    "tracks",
)


def summary_table(result: RunResult) -> Table:
    """Return a row for each camera, and one for all together if there are several."""
    # Narrow enough for a terminal of 80 columns, names permitting.
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        caption="p50, p95: latency in ms",
        caption_justify="left",
    )
    table.add_column("camera", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for name, summary in result.cameras.items():
        table.add_row(name, *_cells(summary))
    if len(result.cameras) > 1:
        table.add_section()
        table.add_row("all", *_cells(result.total))
    return table


def _cells(summary: Summary) -> tuple[str, ...]:
    latency = summary.latency_ms
    counts = (summary.frames, summary.poses, summary.skipped, summary.dead)
    times = (latency.p50, latency.p95)
    return (
        *(str(count) for count in counts),
        f"{summary.fps:.1f}",
        *(f"{time_ms:.0f}" for time_ms in times),
        str(summary.people),
        str(summary.tracks),
    )
