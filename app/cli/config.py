"""`ghostpose config`: check a configuration file, and say what one may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Check a configuration file, or show every setting.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(epilog="Example: ghostpose config validate site.yaml")
def validate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML file to check")],
) -> None:
    """Check FILE: its first mistake is one sentence with the line, and the exit code is 2."""
    from ghostpose.config_file import load_config

    config = load_config(file)
    cameras = ", ".join(camera.name for camera in config.cameras) or "none"
    typer.echo(f"{file} is valid; cameras: {cameras}")


@app.command(epilog="Example: ghostpose config reference | less")
def reference(
    write: Annotated[
        Path | None, typer.Option(metavar="PAGE", help="Renew the tables of this Markdown page")
    ] = None,
) -> None:
    """Print every setting with its default and meaning, as Markdown."""
    from app.reference import reference, renew_page

    if write is None:
        typer.echo(reference())
    else:
        renew_page(write)


@app.callback()
def _group() -> None:
    """Check a configuration file, or show every setting."""
