"""`ghostpose run`: every role on this machine, from sources to poses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli import options

if TYPE_CHECKING:
    from app.pipeline import RunResult
    from ghostpose.config import GhostposeConfig

EXAMPLES: Final = (
    "Examples: ghostpose run clip.mp4 --output poses --annotate;"
    " ghostpose run hall.mp4 door.mp4 --inference 2 --output poses --json;"
    " ghostpose run --config site.yaml --redis redis://10.0.0.5"
)


def run(
    context: typer.Context,
    sources: options.Sources = None,
    config: options.ConfigFile = None,
    policy: options.Policy = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write poses.jsonl and the store, ghostpose.sqlite, here"),
    ] = None,
    as_json: options.AsJson = False,
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Write DIR/CAMERA.mp4 with skeletons, and sheet.png")
    ] = False,
    redis: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A server that runs already [default: one of its own]"),
    ] = None,
    inference: Annotated[int | None, typer.Option(min=1, help="Inference processes")] = None,
    postprocess: Annotated[
        int | None, typer.Option(min=1, help="Post-processing processes")
    ] = None,
    engine: options.Engine = None,
    device: options.Device = None,
    precision: options.Precision = None,
    weights: options.Weights = None,
    threads: options.Threads = None,
    batch: options.Batch = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Batch 1 and f32: equal input gives equal poses")
    ] = False,
    height: options.Height = None,
    fps: options.Fps = None,
    picture: options.Picture = None,
    privacy: options.Privacy = None,
    store: options.StoreUrl = None,
    metrics: options.Metrics = None,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Serve the page that shows it all")
    ] = False,
    listen: options.Listen = None,
) -> None:
    """Play sources through the whole pipeline: server, ingest, inference, post-processing, store.

    Recordings end by themselves; Ctrl-C or SIGTERM drains what is in flight and ends well. Exit
    codes: 0 all ended well, 1 the machine's fault or ghostpose's own, 2 the user's mistake or a
    damaged file, 3 dead letters.
    """
    from app.runner import RunRequest, run_request
    from app.settings import read_config, with_cameras, without_paused

    settings = read_config(
        config,
        redis={"url": redis},
        inference={
            "processes": inference,
            "engine": engine,
            "device": device,
            "precision": precision,
            "weights": weights,
            "threads": threads,
            "batch": batch,
            "deterministic": deterministic or None,
        },
        postprocess={"processes": postprocess},
        store={"url": store},
        metrics={"listen": metrics},
        dashboard={"listen": listen},
    )
    settings = with_cameras(
        without_paused(_with_places(settings, output, dashboard=dashboard)),
        sources or [],
        {"policy": policy, "height": height, "fps": fps, "picture": picture, "privacy": privacy},
        # What is named on the command line is a recording unless told otherwise, and there are
        # frames in flight for every inference process.
        new={"policy": "every", "credit": 2 + 2 * settings.inference.processes},
    )
    embedded = "url" not in settings.redis.model_fields_set
    result = run_request(RunRequest(settings, output, embedded, annotate, context.obj))
    show(result, as_json=as_json)
    raise typer.Exit(result.exit_code)


def _with_places(
    settings: GhostposeConfig, output: Path | None, *, dashboard: bool
) -> GhostposeConfig:
    """Return settings that say where the page and the store are, if they are wanted."""
    from ghostpose.dashboard import DEFAULT_LISTEN

    if dashboard and settings.dashboard.listen is None:
        served = settings.dashboard.model_copy(update={"listen": DEFAULT_LISTEN})
        settings = settings.model_copy(update={"dashboard": served})
    if output and settings.store.url is None:
        url = f"sqlite:///{output / 'ghostpose.sqlite'}"
        kept = settings.store.model_copy(update={"url": url})
        settings = settings.model_copy(update={"store": kept})
    return settings


def show(result: RunResult, *, as_json: bool) -> None:
    """Print a run's summary: one line of JSON, or a table."""
    if as_json:
        cameras = {name: summary.as_json() for name, summary in result.cameras.items()}
        typer.echo(json.dumps({**result.total.as_json(), "cameras": cameras}))
        return
    from rich.console import Console

    from app.tables import summary_table

    table = summary_table(result)
    # Where the output is no terminal, a file for one, nothing is to be cut off.
    console = Console() if sys.stdout.isatty() else Console(width=200)
    console.print(table)
