"""`ghostpose demo`: a clip as four cameras through the whole pipeline, drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli import options

EXAMPLES: Final = "Examples: ghostpose demo; ghostpose demo --clip street.mp4 --output street"


def demo(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Where videos, sheet.png and poses.jsonl go")
    ] = Path("demo-output"),
    clip: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A video instead of the demo's own")
    ] = None,
    inference: Annotated[int, typer.Option(min=1, help="Inference processes")] = 1,
    engine: options.Engine = None,
    as_json: options.AsJson = False,
) -> None:
    """Play a clip as four cameras, draw everybody's skeleton, and print what it came to."""
    from app.cli.run import show
    from app.demo import demo_config
    from app.runner import RunRequest, run_request
    from ghostpose.config import InferenceConfig

    wanted = InferenceConfig(processes=inference, engine=engine or "auto")
    config = demo_config(clip, wanted)
    result = run_request(RunRequest(config, output, True, True, context.obj))
    show(result, as_json=as_json)
    if not as_json:
        drawn = ", ".join(f"{name}.mp4" for name in result.cameras)
        typer.echo(f"Drawn, in {output}: {drawn}, and sheet.png with some of their frames")
    raise typer.Exit(result.exit_code)
