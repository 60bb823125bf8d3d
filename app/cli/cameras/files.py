"""`ghostpose cameras import | export`: the registry's cameras as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli import options

EXAMPLES: Final = {
    "import": "ghostpose cameras import site.yaml",
    "export": "ghostpose cameras export site.yaml",
}


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Configuration with cameras")],
    redis: options.RedisUrl = None,
) -> None:
    """Add the cameras of a configuration file, and set those that exist as it says.

    Cameras that the file doesn't name stay as they are.
    """
    from app.registry import import_cameras, open_registry, warn_of_plain_password
    from ghostpose.config_file import load_config

    cameras = load_config(file).cameras
    with open_registry(redis) as registry:
        done = import_cameras(registry, cameras)
    for camera in cameras:
        warn_of_plain_password(camera)
    typer.echo(f"{done.added} added, {done.changed} changed, {done.unchanged} unchanged")


def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Written here [default: stdout]")
    ] = None,
    with_passwords: Annotated[
        bool, typer.Option("--with-passwords", help="Write plain passwords too, not ***")
    ] = False,
    redis: options.RedisUrl = None,
) -> None:
    """Write all cameras as a configuration file, which import and --config take.

    A password in an address becomes ***, which import leaves as it is; references stay.
    """
    from app.atomic_file import replaced
    from app.registry import exported, open_registry

    with open_registry(redis) as registry:
        found = registry.read(passwords=with_passwords)
        text = exported(found, with_passwords=with_passwords)
    if file is None:
        typer.echo(text, nl=False)
        return
    # Never readable for others: there may be passwords in it.
    with replaced(file, mode=0o600) as part:
        part.write_text(text, encoding="utf-8")
