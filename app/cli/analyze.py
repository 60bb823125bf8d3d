"""`ghostpose analyze`: recordings through the pipeline and into the store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.cli import options

if TYPE_CHECKING:
    from app.jobs.ways import Way
    from ghostpose.config import CameraConfig

EXAMPLES: Final = (
    "Examples: ghostpose analyze hall.mp4 door.mp4 --store sqlite:///poses.sqlite;"
    " ghostpose analyze hall.mp4 --redis redis://10.0.0.5;"
    " ghostpose analyze videos/*.mp4 --redis redis://10.0.0.5 --queue --wait"
)

DEAD_LETTERS: Final = 3

PARALLEL: Final = 4
"""Recordings that are played at a time into a deployment."""


def analyze(
    context: typer.Context,
    videos: Annotated[list[str], typer.Argument(metavar="VIDEO...", help="Recordings")],
    config: options.ConfigFile = None,
    redis: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A deployment that runs [default: a pipeline of its own]"),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Database of a pipeline of its own; a deployment has one"),
    ] = None,
    jobs: options.Jobs = None,
    height: options.Height = None,
    fps: options.Fps = None,
    privacy: options.Privacy = None,
    parallel: Annotated[
        int | None,
        typer.Option(min=1, help="With --redis: how many are played at a time [default: 4]"),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what was analysed before, in a new session")
    ] = False,
    queue: options.Queue = False,
    wait: options.Wait = False,
    as_json: options.AsJson = False,
) -> None:
    """Play recordings to their end, every frame, until their poses are in the store.

    With --redis the processes that run there do the work; with --queue each recording is a job,
    which goes on where it was if its worker dies. The same command given again goes on after it was
    killed, and does no recording twice unless --again is given. Cameras of --config that are named
    as a recording lend it their settings. Exit codes: 0 all ended well, 2 a recording that can't be
    used (the others are done), 3 dead letters.
    """
    from app.jobs.videos import cameras_of
    from app.jobs.ways import way_of

    way = way_of(config, redis=redis, store=store, jobs=jobs, queue=queue, wait=wait)
    _check_options(parallel, way, again=again)
    given = {"height": height, "fps": fps, "privacy": privacy}
    cameras = cameras_of(videos, way.config, given)
    if way.queued:
        rows, code = _queued(cameras, way, as_json=as_json)
    else:
        rows, code = _done_now(cameras, way, parallel or PARALLEL, context.obj, again=again)
    if rows:
        _show(rows, as_json=as_json)
    raise typer.Exit(code or (DEAD_LETTERS if any(row.get("gaps") for row in rows.values()) else 0))


Rows = dict[str, dict[str, Any]]
"""A recording's camera -> its counts, or its problem."""


def _in_deployment(way: Way) -> bool:
    return "url" in way.config.redis.model_fields_set


def _check_options(parallel: int | None, way: Way, *, again: bool) -> None:
    """See that `--parallel` and `--again` are given only where they decide something.

    Raises:
        ConfigError: others decide.
    """
    from ghostpose.errors import ConfigError

    if parallel is not None and way.queued:
        raise ConfigError(
            "--parallel doesn't go with --queue: as many recordings are played at a time as there"
            " are workers of jobs; leave it out"
        )
    if again and way.queued:
        raise ConfigError(
            "--again doesn't go with --queue: each job that is queued is done; leave it out"
        )
    if parallel is not None and not _in_deployment(way):
        raise ConfigError(
            "--parallel is for recordings that are played into a deployment: a pipeline of its own"
            " plays all at once; leave it out, or give --redis"
        )


def _done_now(
    cameras: tuple[CameraConfig, ...],
    way: Way,
    parallel: int,
    child_options: tuple[str, ...],
    *,
    again: bool,
) -> tuple[Rows, int]:
    from dataclasses import asdict

    from app.jobs.analyse_now import analyse_here, analyse_in_deployment
    from app.stopping import stop_event

    if _in_deployment(way):
        outcomes = analyse_in_deployment(
            cameras, way.config.redis.url, parallel, stop_event(), again=again
        )
    else:
        outcomes = analyse_here(way.config, cameras, child_options, again=again)
    rows: Rows = {}
    for one in outcomes:
        rows[one.camera] = (asdict(one.done) if one.done else {}) | {"problem": one.problem}
    codes = {one.exit_code for one in outcomes}
    return rows, next((code for code in (1, 2) if code in codes), 0)


def _queued(cameras: tuple[CameraConfig, ...], way: Way, *, as_json: bool) -> tuple[Rows, int]:
    from app.jobs.requests import Analyze
    from app.jobs.ways import exit_code_of, follow, open_queue

    with open_queue(way.jobs_url) as queue:
        queue.check_that_none_is_there([_about(camera) for camera in cameras])
        names = {
            queue.add(Analyze(camera=camera), _about(camera)): camera.name for camera in cameras
        }
        if not way.wait:
            for job_id, name in names.items():
                job = {"job": job_id, "camera": name}
                typer.echo(json.dumps(job) if as_json else f"{job_id}  {name}")
            return {}, 0
        states = follow(queue, names)
    rows = {
        names[state.id]: {**(state.result or {}), "job": state.id, "problem": state.problem}
        for state in states
    }
    return rows, exit_code_of(states)


def _about(camera: CameraConfig) -> str:
    return f"analyze {camera.name}"


def _show(rows: Rows, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"videos": rows}))
        return
    for name, row in rows.items():
        if "frames" in row:
            counts = ", ".join(
                f"{row[word]} {word}" for word in ("frames", "poses", "skipped", "gaps")
            )
            session = f"; session {row['session']}" if row["session"] else ""
            typer.echo(f"{name}: {counts}{session}")
