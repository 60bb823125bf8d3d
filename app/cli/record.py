"""`ghostpose record`: keep published frames of some cameras for a while."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli import options

EXAMPLES: Final = "Example: ghostpose record hall --seconds 60 --output hall.gprec"


def record(
    cameras: Annotated[list[str], typer.Argument(metavar="CAMERA...", help="Which cameras")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="A new file; it holds pictures")],
    seconds: Annotated[float, typer.Option(min=0.1, help="How long")] = 60.0,
    max_mb: Annotated[int, typer.Option(min=1, help="Stop when the file is so large")] = 1000,
    redis: options.RedisUrl = None,
    as_json: options.AsJson = False,
) -> None:
    """Keep frames and their results as they pass, for `ghostpose replay`; SIGTERM ends it.

    Cameras whose pictures may not be kept (`privacy`, `pixels`) are not recorded. Frames that are
    done before they could be read are counted as missed.
    """
    from app.recording import record as record_cameras
    from app.stopping import stop_event
    from ghostpose.config import DEFAULT_REDIS_URL

    stop = stop_event()
    done = record_cameras(
        redis or DEFAULT_REDIS_URL,
        cameras,
        output,
        stop,
        seconds=seconds,
        max_bytes=max_mb * 10**6,
    )
    values = {
        "frames": done.frames,
        "poses": done.poses,
        "missed": done.missed,
        "forbidden": done.forbidden,
        "bytes": done.bytes,
    }
    words = ", ".join(f"{count} {name}" for name, count in values.items())
    typer.echo(json.dumps(values) if as_json else f"{output}: {words}")
