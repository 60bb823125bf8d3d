"""`ghostpose jobs list | show | cancel | retry | work`: the queue of jobs."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.jobs.queue import JobQueue, JobState

app = typer.Typer(
    help="Jobs: analyses, exports, videos and reports that were queued.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Its id, as `jobs list` shows it")]


@app.command("list", epilog="Example: ghostpose jobs list --json")
def list_(
    as_json: options.AsJson = False,
    config: options.ConfigFile = None,
    redis: options.RedisUrl = None,
    jobs: options.Jobs = None,
) -> None:
    """List jobs, oldest first: those of the last week, and all that are not over."""
    with _queue(config, redis, jobs) as queue:
        for state in queue.states():
            typer.echo(json.dumps(_values(state)) if as_json else _line(state))


@app.command(epilog="Example: ghostpose jobs show 3e0c5f7e-0c3b-4a52-9d0e-5e5f0f3d1c55")
def show(
    job_id: JobId,
    as_json: options.AsJson = False,
    config: options.ConfigFile = None,
    redis: options.RedisUrl = None,
    jobs: options.Jobs = None,
) -> None:
    """Show all that is known of one job."""
    with _queue(config, redis, jobs) as queue:
        values = _values(queue.state(job_id))
    lines = "\n".join(f"{name}: {value}" for name, value in values.items())
    typer.echo(json.dumps(values) if as_json else lines)


@app.command(epilog="Example: ghostpose jobs cancel 3e0c5f7e-0c3b-4a52-9d0e-5e5f0f3d1c55")
def cancel(
    job_id: JobId,
    config: options.ConfigFile = None,
    redis: options.RedisUrl = None,
    jobs: options.Jobs = None,
) -> None:
    """Take a job out of the queue, or stop it if it is being done."""
    with _queue(config, redis, jobs) as queue:
        queue.cancel(job_id)


@app.command(epilog="Example: ghostpose jobs retry 3e0c5f7e-0c3b-4a52-9d0e-5e5f0f3d1c55")
def retry(
    job_id: JobId,
    config: options.ConfigFile = None,
    redis: options.RedisUrl = None,
    jobs: options.Jobs = None,
) -> None:
    """Queue a job again that failed or was stopped; an analysis goes on where it was."""
    with _queue(config, redis, jobs) as queue:
        queue.retry(job_id)


@app.command(
    epilog="Example: ghostpose jobs work --redis redis://10.0.0.5 --store sqlite:///p.sqlite"
)
def work(
    config: options.ConfigFile = None,
    redis: options.RedisUrl = None,
    store: options.StoreUrl = None,
    jobs: options.Jobs = None,
    metrics: options.Metrics = None,
    folders: Annotated[
        list[Path] | None,
        typer.Option(
            "--folder",
            metavar="DIR",
            help="Jobs read and write files in here only; repeatable [default: anywhere]",
        ),
    ] = None,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End when no job is left in the queue")
    ] = False,
) -> None:
    """Do jobs, one at a time, until SIGTERM; any number of these share the queue.

    A job that is being done at SIGTERM goes back to the queue.
    """
    from app.endpoint import endpoint
    from app.jobs.bounds import resolved_folders
    from app.jobs.requests import Site
    from app.jobs.ways import jobs_url_of, open_queue
    from app.settings import read_config

    settings = read_config(
        config, redis={"url": redis}, store={"url": store}, metrics={"listen": metrics}
    )
    bounds = resolved_folders(folders or settings.jobs.folders)
    with (
        endpoint(settings.metrics.listen, ["jobs"]),
        open_queue(jobs_url_of(settings, jobs)) as queue,
    ):
        from app.jobs.worker import work as do_jobs

        site = Site(settings.redis.url, settings.store.url, bounds)
        do_jobs(queue, site, until_empty=until_empty)


@contextmanager
def _queue(config: Any, redis: str | None, jobs: str | None) -> Iterator[JobQueue]:
    from app.jobs.ways import jobs_url_of, open_queue
    from app.settings import read_config

    with open_queue(jobs_url_of(read_config(config, redis={"url": redis}), jobs)) as queue:
        yield queue


def _values(state: JobState) -> dict[str, object]:
    return {
        "job": state.id,
        "kind": state.kind,
        "about": state.about,
        "status": state.status,
        "done": state.step.done,
        "total": state.step.total,
        "unit": state.step.unit,
        "problem": state.problem,
        "result": state.result,
        "worker": state.worker,
        "created_at": state.created_at,
        "started_at": state.started_at,
        "ended_at": state.ended_at,
        "tries_left": state.tries_left,
    }


def _line(state: JobState) -> str:
    percent = state.step.percent
    how_far = f" {percent} %" if state.status == "started" and percent is not None else ""
    problem = f"  {state.problem}" if state.problem and state.status != "finished" else ""
    return f"{state.id}  {state.status}{how_far}  {state.about}{problem}"
