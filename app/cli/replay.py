"""`ghostpose replay`: recorded frames through another model or configuration; what differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli import options

EXAMPLES: Final = "Example: ghostpose replay hall.gprec --weights new.safetensors --deterministic"


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `ghostpose record` wrote")],
    config: options.ConfigFile = None,
    engine: options.Engine = None,
    device: options.Device = None,
    precision: options.Precision = None,
    weights: options.Weights = None,
    threads: options.Threads = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Batch 1 and f32: equal input gives equal poses")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Say how people and tracks differ from those that were recorded with the frames.

    A recording that begins with its session, made and replayed with the same weights under
    --deterministic, differs in nothing.
    """
    from app.replaying import replay as replay_recording
    from app.settings import read_config, worker_options
    from ghostpose.codec.recording import read_recording
    from ghostpose.errors import ConfigError, DecodeError

    given = {
        "engine": engine,
        "device": device,
        "precision": precision,
        "weights": weights,
        "threads": threads,
        "deterministic": deterministic or None,
    }
    settings = read_config(config, inference=given)
    try:
        recording = read_recording(file)
    except DecodeError as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        raise ConfigError(f"recording {file} can't be read: {error.strerror}") from error
    found = replay_recording(recording, worker_options(settings))
    if as_json:
        typer.echo(json.dumps(found.as_json_values()))
        return
    typer.echo(
        f"{found.frames} frames compared, {found.left_out} without a recorded result left out,"
        f" {found.gaps} without a result now\n"
        f"{found.people} people were recorded: {found.missing} of them are not found now,"
        f" {found.extra} more are, {found.moved} moved (by {found.moved_px:.2f} px at most),"
        f" {found.switched} have another track"
    )
    if found.is_nothing:
        typer.echo("nothing differs")
