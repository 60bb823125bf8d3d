"""`ghostpose dead list | show | replay | purge`: frames that were given up, and why."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghostpose.bus import Bus
    from ghostpose.codec.letters import DeadLetter

NOT_ALL_REPLAYED = 3

app = typer.Typer(
    help="Dead letters: frames that were given up, and why.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Names = Annotated[
    list[str] | None, typer.Argument(metavar="LETTER...", help="Names, as `dead list` shows them")
]
Camera = Annotated[str | None, typer.Option(help="Those of one camera")]
All = Annotated[bool, typer.Option("--all", help="All there are")]


@app.command("list", epilog="Example: ghostpose dead list --camera hall --json")
def list_(
    camera: Camera = None, as_json: options.AsJson = False, redis: options.RedisUrl = None
) -> None:
    """List what was given up, oldest first in each partition; with --json a line each."""
    with _connected(redis) as bus:
        for one in _chosen(bus, [], camera, everything=camera is None):
            typer.echo(json.dumps(_values(one)) if as_json else _line(one))


@app.command(epilog="Example: ghostpose dead show 5:1764105160123-0 --payload picture.jpg")
def show(
    name: Annotated[str, typer.Argument(metavar="LETTER", help="Its name")],
    payload: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the picture's bytes there")
    ] = None,
    as_json: options.AsJson = False,
    redis: options.RedisUrl = None,
) -> None:
    """Show one letter: which frame it was, why it was given up, and what was kept of it."""
    from ghostpose.errors import UserError

    with _connected(redis) as bus:
        (one,) = _chosen(bus, [name], None, everything=False)
    if payload is not None:
        if not one.payload:
            raise UserError(f"{one.name}: nothing was kept of its picture or maps")
        payload.write_bytes(one.payload)
    values = _values(one)
    shown = json.dumps(values) if as_json else "\n".join(f"{k}: {v}" for k, v in values.items())
    typer.echo(shown)


@app.command(epilog="Example: ghostpose dead replay --camera hall")
def replay(
    names: Names = None,
    camera: Camera = None,
    everything: All = False,
    as_json: options.AsJson = False,
    redis: options.RedisUrl = None,
) -> None:
    """Send frames in again, as frames of a camera CAMERA.replay; the letters are gone then.

    Exit code 3: some could not be sent, as their line says, and are still there.
    """
    from ghostpose.bus.letters import replay as replay_letters

    is_all = True
    with _connected(redis) as bus:
        chosen = _chosen(bus, names or [], camera, everything=everything)
        for one, frame, problem in replay_letters(bus, chosen):
            is_all = is_all and not problem
            sent = {"letter": one.name, "frame": frame, "problem": problem}
            typer.echo(json.dumps(sent) if as_json else problem or f"{one.name} is {frame} now")
    if not is_all:
        raise typer.Exit(NOT_ALL_REPLAYED)


@app.command(epilog="Example: ghostpose dead purge --all")
def purge(
    names: Names = None,
    camera: Camera = None,
    everything: All = False,
    as_json: options.AsJson = False,
    redis: options.RedisUrl = None,
) -> None:
    """Throw letters away; their frames stay gaps."""
    from ghostpose.bus.letters import purge as purge_letters

    with _connected(redis) as bus:
        count = purge_letters(bus, _chosen(bus, names or [], camera, everything=everything))
    typer.echo(json.dumps({"purged": count}) if as_json else f"{count} dead letters are gone")


@contextmanager
def _connected(url: str | None) -> Iterator[Bus]:
    from ghostpose.bus import Bus
    from ghostpose.config import DEFAULT_REDIS_URL

    with Bus.connect(url or DEFAULT_REDIS_URL) as bus:
        yield bus


def _chosen(
    bus: Bus, names: list[str], camera: str | None, *, everything: bool
) -> list[DeadLetter]:
    """Return the letters that the options choose.

    Raises:
        UserError: they choose nothing, or what isn't there.
    """
    from ghostpose.bus.letters import letter, letters
    from ghostpose.errors import InvalidValueError, UserError

    if bool(names) + (camera is not None) + everything != 1:
        raise UserError("which dead letters? Give their names, or --camera NAME, or --all")
    try:
        if names:
            return [letter(bus, name) for name in names]
    except InvalidValueError as error:
        raise UserError(str(error)) from error
    return [
        one
        for one in letters(bus)
        if everything or (one.frame is not None and one.frame.camera == camera)
    ]


def _values(one: DeadLetter) -> dict[str, object]:
    frame = one.frame
    return {
        "letter": one.name,
        "at": one.buried_ms / 1000,
        "camera": frame.camera if frame else None,
        "session": frame.session if frame else None,
        "seq": frame.seq if frame else None,
        "why": one.why,
        "detail": one.detail,
        "from": one.stream,
        "payload_bytes": len(one.payload),
        "cut": one.is_cut,
    }


def _line(one: DeadLetter) -> str:
    frame = str(one.frame) if one.frame else "unknown frame"
    return f"{one.name}  {frame}  {one.why}: {one.detail}"
