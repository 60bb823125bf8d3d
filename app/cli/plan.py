"""`ghostpose plan`: machines, workers, Redis shards, bandwidth and memory for so many cameras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli.options import parse_size

EXAMPLES: Final = (
    "Examples: ghostpose plan --cameras 200 --fps 10 --height 368;"
    " ghostpose plan --cameras 100000 --fps 5 --cores 64 --link-mbit 25000"
)

MAX_CAMERAS: Final = 100_000


def plan(
    cameras: Annotated[int, typer.Option(min=1, max=MAX_CAMERAS, help="How many cameras")],
    fps: Annotated[float, typer.Option(min=0.01, max=1000, help="Frames a second of each")] = 10.0,
    height: Annotated[int, typer.Option(min=64, max=4096, help="Network height, pixels")] = 368,
    source: Annotated[str, typer.Option(help="What cameras send, WIDTHxHEIGHT")] = "1280x720",
    cores: Annotated[int, typer.Option(min=1, max=4096, help="Cores of each machine")] = 16,
    share: Annotated[
        float, typer.Option(min=0.05, max=1.0, help="How busy cores and links may be")
    ] = 0.7,
    link_mbit: Annotated[float, typer.Option(min=1, help="Network link of each server")] = 1000.0,
    readers: Annotated[int, typer.Option(min=0, help="Programs that read all poses")] = 1,
    no_store: Annotated[bool, typer.Option("--no-store", help="Nothing goes to a database")] = (
        False
    ),
    costs: Annotated[
        Path | None,
        typer.Option(help="latest.json of `make bench`; else the costs that come with ghostpose"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON")] = False,
) -> None:
    """Say what so many cameras need, and what saturates first, by measured unit costs.

    docs/scaling.md has the formulas.
    """
    from app.capacity.costs import read_costs
    from app.capacity.planner import Load, make_plan
    from app.capacity.report import as_json as to_json
    from ingest.prepare import fit_height

    known = read_costs() if costs is None else read_costs(costs)
    width, source_height = parse_size(source, "--source")
    made = make_plan(
        Load(
            cameras=cameras,
            fps=fps,
            source_px=(width, source_height),
            network_px=fit_height(width, source_height, height),
            cores_a_machine=cores,
            share=share,
            link_mbit=link_mbit,
            readers=readers,
            stored=not no_store,
        ),
        known,
    )
    if as_json:
        typer.echo(json.dumps(to_json(made, known)))
        return
    from rich.console import Console

    from app.capacity import report

    console = Console(highlight=False, soft_wrap=True)
    console.print(report.headline(made, known))
    console.print(report.roles_table(made))
    console.print("\n".join(report.conclusions(made)))
    console.print(report.limits_table(made))
