"""What commands share that do something with stored poses, now or as a job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.jobs.requests import AnyRequest, Selection
    from app.jobs.ways import Way


def selection_of(
    cameras: list[str] | None, session: int | None, since: str | None, until: str | None
) -> Selection:
    """Return what the options select.

    Raises:
        ConfigError: a time is none, or the end is before the beginning.
    """
    from pydantic import ValidationError

    from app.jobs.requests import Selection
    from app.jobs.ways import moment
    from ghostpose.errors import ConfigError

    times = {"since": moment("--since", since), "until": moment("--until", until)}
    try:
        return Selection(cameras=tuple(cameras or ()), session=session, **times)
    except ValidationError as error:
        raise ConfigError("--since must be before --until") from error


def do(
    name: str,
    request: AnyRequest,
    way: Way,
    sentence: Callable[[dict[str, Any]], str],
    *,
    as_json: bool,
) -> None:
    """Do a request or queue it, as the command line says, and print what came of it."""
    from app.jobs.ways import do_now

    result = _queued(name, request, way, as_json=as_json) if way.queued else None
    if result is None and way.queued:
        return
    if result is None:
        result = do_now(name, request, way.site)
    typer.echo(json.dumps(result) if as_json else sentence(result))


def _queued(name: str, request: AnyRequest, way: Way, *, as_json: bool) -> dict[str, Any] | None:
    """Queue it, and follow it if that was asked for; None: it was not."""
    from app.jobs.ways import exit_code_of, follow, open_queue

    with open_queue(way.jobs_url) as queue:
        job_id = queue.add(request, f"{request.kind} {name}")
        if not way.wait:
            typer.echo(json.dumps({"job": job_id}) if as_json else job_id)
            return None
        states = follow(queue, {job_id: name})
    if code := exit_code_of(states):
        raise typer.Exit(code)
    return dict(states[0].result or {})
