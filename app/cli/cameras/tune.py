"""`ghostpose cameras tune`: which network height a camera needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli import options

if TYPE_CHECKING:
    from app.tuning import HeightResult

EXAMPLES: Final = {"tune": "ghostpose cameras tune door --set"}


def tune(
    camera: Annotated[
        str, typer.Argument(metavar="CAMERA", help="A name in the registry, an address, or a file")
    ],
    seconds: Annotated[float, typer.Option(min=1, help="How long to look")] = 60.0,
    frames: Annotated[int, typer.Option(min=1, help="Pictures to take of that time")] = 60,
    height: Annotated[
        list[int] | None, typer.Option(min=64, help="A height to try; several times for several")
    ] = None,
    set_it: Annotated[
        bool, typer.Option("--set", help="Set the camera's height to what is found")
    ] = False,
    as_json: options.AsJson = False,
    engine: options.Engine = None,
    device: options.Device = None,
    weights: options.Weights = None,
    threads: options.Threads = None,
    redis: options.RedisUrl = None,
) -> None:
    """Play a camera at several heights, and say the smallest above which no more people are found.

    More are found if a larger height finds over 5 % more people a frame, and over one in twenty
    frames more. Try it while people are where they are to be found.
    """
    from app.camera_target import find_camera, is_name
    from app.settings import read_config
    from app.tuning import advise, collect_samples, try_heights
    from ghostpose.errors import ConfigError
    from workers.engines import create_engine

    if set_it and not is_name(camera):
        raise ConfigError(f"--set sets a camera of the registry: {camera} is an address or a file")
    given = {"engine": engine, "device": device, "weights": weights, "threads": threads}
    chosen = read_config(None, inference=given).inference
    found = find_camera(camera, redis)
    network = create_engine(
        chosen.engine, weights=chosen.weights, device=chosen.device, threads=chosen.threads
    )
    samples = collect_samples(found, height or (), seconds, frames)
    if not as_json:
        typer.echo("height  people a frame  ms a frame")
    results = try_heights(samples, network, (lambda _: None) if as_json else _show)
    advice = advise(results)
    if as_json:
        rows = [
            {"height": r.height, "frames": r.frames, "people": r.people, "ms": r.ms}
            for r in results
        ]
        typer.echo(json.dumps({"camera": found.name, "heights": rows, "advice": advice}))
    else:
        typer.echo(_sentence(found.name, found.height, advice))
    if set_it and advice is not None:
        from app.cli.cameras.edit import set_

        set_(camera, [f"height={advice}"], redis=redis)


def _show(result: HeightResult) -> None:
    typer.echo(f"{result.height:6}  {result.people:14.2f}  {result.ms:10.0f}")


def _sentence(name: str, height: int, advice: int | None) -> str:
    if advice is None:
        return f"{name}: nobody was found at any height; try again when people are in view"
    what = "as it is set" if advice == height else f"it is set to {height}"
    return f"{name}: no more people are found above height {advice} ({what})"
