"""`ghostpose cameras ground`: where a camera's floor is, from points that somebody lists."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli import options

if TYPE_CHECKING:
    from ghostpose.rules import GroundPair

EXAMPLES: Final = {
    "ground": "ghostpose cameras ground hall 100,700=0,0 1180,700=6,0 900,300=6,9 380,300=0,9"
}


def ground(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The camera")],
    points: Annotated[
        list[str],
        typer.Argument(
            metavar="X,Y=EAST,NORTH...", help="Four or more: a pixel, and its place in metres"
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, but don't set it")] = False,
    redis: options.RedisUrl = None,
) -> None:
    """Find how the picture lies on the floor, say how well it fits, and set it.

    All cameras' places are metres from one origin, so that a person is at one place in all.
    """
    from ghostpose.errors import ConfigError, InvalidValueError
    from ghostpose.ground import Ground

    pairs = tuple(_pair(text) for text in points)
    try:
        found = Ground.of(pairs)
    except InvalidValueError as error:
        raise ConfigError(f"camera {name}: {error}") from error
    for row in found.rows_33:
        typer.echo("  ".join(f"{value:12.6g}" for value in row))
    for (x, y, *_), error_m in zip(pairs, found.errors_m(pairs), strict=True):
        off = "too far away to tell a place" if error_m == math.inf else f"{error_m:.2f} m off"
        typer.echo(f"({x:g}, {y:g}) is {off}")
    if not dry_run:
        from app.cli.cameras.edit import set_

        listed = ", ".join(str(list(pair)) for pair in pairs)
        set_(name, [f"ground=[{listed}]"], redis=redis)


def _pair(text: str) -> GroundPair:
    from ghostpose.errors import ConfigError

    pixel, _, place = text.partition("=")
    try:
        (x, y), (east, north) = (map(float, part.split(",")) for part in (pixel, place))
    except ValueError as error:
        raise ConfigError(
            f"{text!r}: wanted a pixel and its place in metres, as in 100,700=0,0"
        ) from error
    return x, y, east, north
