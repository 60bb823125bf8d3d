"""`ghostpose config`: look at a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Check a configuration file.", no_args_is_help=True, rich_markup_mode=None)


@app.command(epilog="Example: ghostpose config validate site.yaml")
def validate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML file to check")],
) -> None:
    """Check FILE: every mistake is one sentence with its line, and the exit code is 2."""
    from ghostpose.config import load_config

    config = load_config(file)
    cameras = ", ".join(camera.name for camera in config.cameras) or "none"
    typer.echo(f"{file} is valid; cameras: {cameras}")


@app.callback()
def _group() -> None:
    """Check a configuration file."""
