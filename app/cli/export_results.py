"""`ghostpose export-results`: stored poses as Parquet, CSV, COCO key points or MOT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli import options
from app.cli.doing import do, selection_of

EXAMPLES: Final = (
    "Examples: ghostpose export-results --store sqlite:///poses.sqlite --output poses.parquet;"
    " ghostpose export-results --camera hall --since 2026-11-25 --output hall.json --queue"
)


def export_results(
    output: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Its name's end says the format; MOT may have a folder"),
    ],
    format_: Annotated[
        str | None,
        typer.Option("--format", help="parquet, csv, coco or mot [default: by --output]"),
    ] = None,
    cameras: options.OfCameras = None,
    session: options.OfSession = None,
    since: options.Since = None,
    until: options.Until = None,
    config: options.ConfigFile = None,
    store: options.StoreUrl = None,
    redis: options.RedisUrl = None,
    jobs: options.Jobs = None,
    queue: options.Queue = False,
    wait: options.Wait = False,
    as_json: options.AsJson = False,
) -> None:
    """Write stored poses to a file that pandas, pycocotools or TrackEval open as it is.

    All of them, or those that the options select. The file appears whole, or not at all.
    """
    from app.jobs.exports import format_of
    from app.jobs.requests import ExportResults
    from app.jobs.ways import way_of

    request = ExportResults(
        selection=selection_of(cameras, session, since, until),
        format=format_of(format_, output),
        output=output.absolute(),
    )
    way = way_of(config, redis=redis, store=store, jobs=jobs, queue=queue, wait=wait)
    do(
        output.name,
        request,
        way,
        lambda r: f"{', '.join(r['files'])}: {r['people']} people in {r['frames']} frames",
        as_json=as_json,
    )
