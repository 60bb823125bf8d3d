"""`ghostpose report`: what one camera saw, as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli import options
from app.cli.doing import do, selection_of

EXAMPLES: Final = (
    "Example: ghostpose report --camera hall --day 2026-11-25 --store sqlite:///poses.sqlite"
    " --output hall.html"
)


def report(
    output: Annotated[Path, typer.Option(metavar="FILE", help="The HTML page to write")],
    camera: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which camera, if there are several")
    ] = None,
    day: Annotated[
        str | None, typer.Option(metavar="DATE", help="That day, in this machine's time zone")
    ] = None,
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
    """Sum up people over time, tracks, stays and events of a camera, with a chart, in one file."""
    from app.jobs.requests import Report
    from app.jobs.ways import way_of

    since, until = _day(day, since, until)
    selection = selection_of([camera] if camera else None, session, since, until)
    way = way_of(config, redis=redis, store=store, jobs=jobs, queue=queue, wait=wait)
    do(
        output.name,
        Report(selection=selection, output=output.absolute()),
        way,
        lambda r: (
            f"{r['file']}: {r['tracks']} tracks, at most {r['most']} people at once,"
            f" {r['events']} events in {r['frames']} frames"
        ),
        as_json=as_json,
    )


def _day(day: str | None, since: str | None, until: str | None) -> tuple[str | None, str | None]:
    """Return from when until when, the words of --day put in their place."""
    if day is None:
        return since, until
    from datetime import date, timedelta

    from ghostpose.errors import ConfigError

    if since or until:
        raise ConfigError("--day is a whole day: leave --since and --until out, or --day")
    try:
        begins = date.fromisoformat(day)
    except ValueError as error:
        raise ConfigError(f"--day {day[:80]}: this is no day: write 2026-11-25") from error
    return begins.isoformat(), (begins + timedelta(days=1)).isoformat()
