"""`ghostpose cameras list | show`: what the registry holds, and what each camera does."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Final

import typer

from app.cli import options

EXAMPLES: Final = {
    "list": "ghostpose cameras list --json",
    "show": "ghostpose cameras show door",
}


def list_(as_json: options.AsJson = False, redis: options.RedisUrl = None) -> None:
    """List the cameras: what each does, since when, who plays it, and what went wrong last."""
    from app.camera_list import camera_table, read_cameras

    cameras = read_cameras(redis)
    if as_json:
        typer.echo(json.dumps([camera.as_json() for camera in cameras]))
        return
    from rich.console import Console

    # Where the output is no terminal, a file for one, nothing is to be cut off.
    console = Console() if sys.stdout.isatty() else Console(width=240)
    console.print(camera_table(cameras))
    for camera in cameras:
        if camera.problem:
            console.print(camera.problem, markup=False, highlight=False, soft_wrap=True)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The camera")],
    redis: options.RedisUrl = None,
) -> None:
    """Show all of a camera as JSON: settings, revision, what it does, its counters."""
    from app.camera_list import read_cameras
    from app.registry import open_registry

    found = [camera for camera in read_cameras(redis) if camera.name == name]
    if not found:
        with open_registry(redis) as registry:
            registry.get(name)  # says what there is instead
    typer.echo(json.dumps(found[0].as_json(), indent=2))
