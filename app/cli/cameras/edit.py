"""`ghostpose cameras add | set | pause | resume | remove`: changes of the registry."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ghostpose.config import CameraConfig

EXAMPLES: Final = {
    "add": "ghostpose cameras add door 'rtsp://admin:${env:DOOR_PASSWORD}@10.0.0.5/live' fps=5",
    "set": "ghostpose cameras set door fps=5 height=480 region=0,0,1280,720",
    "pause": "ghostpose cameras pause door",
    "resume": "ghostpose cameras resume door",
    "remove": "ghostpose cameras remove door",
}

TRIES: Final = 20
"""How often a change is made anew because somebody else changed the same camera meanwhile."""

NOBODY_PLAYS: Final = (
    "no ingest plays cameras of the registry yet: start ghostpose ingest --registry"
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The camera")]
Settings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SETTING=VALUE...", help="As in a configuration file; nothing or none = default"
    ),
]
Revision = Annotated[
    int | None, typer.Option(help="Only if the camera is still at this revision (cameras show)")
]


def add(
    name: Name,
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="An address, a file ...; - reads it from stdin"),
    ],
    settings: Settings = None,
    redis: options.RedisUrl = None,
) -> None:
    """Add a camera; an `ingest --registry` plays it from now on.

    Write ${env:NAME} or ${file:PATH} for its password: it is looked up where the camera is played.
    """
    from app.camera_settings import make_camera, parse_settings
    from app.registry import is_played, open_registry, warn_of_plain_password

    address = sys.stdin.readline().strip() if source == "-" else source
    given = {k: v for k, v in parse_settings(settings or []).items() if v is not None}
    camera = make_camera({**given, "name": name, "source": address})
    with open_registry(redis) as registry:
        registry.add(camera)
        waits = not is_played(registry.bus)
    warn_of_plain_password(camera)
    typer.echo(f"{name} is added")
    if waits:
        sys.stderr.write(f"ghostpose: {NOBODY_PLAYS}\n")


def set_(
    name: Name,
    settings: Settings = None,
    revision: Revision = None,
    redis: options.RedisUrl = None,
) -> None:
    """Change settings of a camera, which take effect within seconds."""
    from app.camera_settings import parse_settings, shown_setting
    from ghostpose.errors import ConfigError

    given = parse_settings(settings or [])
    if not given:
        raise ConfigError(f"nothing to set: give settings, as in {EXAMPLES['set']}")
    camera = _change(name, given, redis, revision)
    if "source" in given:
        from app.registry import warn_of_plain_password

        warn_of_plain_password(camera)
    shown = ", ".join(shown_setting(camera, key) for key in given if key != "source")
    typer.echo(f"{name} is set{': ' if shown else ''}{shown}")


def pause(name: Name, redis: options.RedisUrl = None) -> None:
    """Stop playing a camera; it stays in the registry."""
    _change(name, {"paused": True}, redis)
    typer.echo(f"{name} is paused")


def resume(name: Name, redis: options.RedisUrl = None) -> None:
    """Play a camera that was paused; also one that came to its end, again."""
    _change(name, {"paused": None}, redis)
    typer.echo(f"{name} is resumed")


def remove(name: Name, revision: Revision = None, redis: options.RedisUrl = None) -> None:
    """Take a camera out of the registry; its poses stay for as long as they are kept."""
    from app.registry import open_registry, remove_camera

    with open_registry(redis) as registry:
        remove_camera(registry, name, revision)
    typer.echo(f"{name} is removed")


def _change(
    name: str, given: Mapping[str, object], redis: str | None, revision: int | None = None
) -> CameraConfig:
    """Set what is given and nothing else, also when others set other things at the same time."""
    from app.camera_settings import with_settings
    from app.registry import open_registry
    from ghostpose.errors import RegistryConflictError

    with open_registry(redis) as registry:
        for left in reversed(range(TRIES)):
            row = registry.get(name)
            camera = with_settings(row.settings, given)
            try:
                registry.change(camera, row.revision if revision is None else revision)
            except RegistryConflictError:
                if revision is not None or not left:
                    raise
            else:
                return camera
    raise AssertionError("the last try returns or raises")
