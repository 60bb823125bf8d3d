"""`ghostpose demo`: a clip as four cameras through the whole pipeline, live on a page and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli import options

EXAMPLES: Final = (
    "Examples: ghostpose demo; ghostpose demo --clip street.mp4 --output street --no-page"
)


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
    page: Annotated[
        bool, typer.Option("--page/--no-page", help="Show it live on a page; not with --json")
    ] = True,
    listen: options.Listen = None,
) -> None:
    """Play a clip as four cameras on a page, draw everybody's skeleton, and sum up.

    The clip is played to its end once and drawn; then the cameras go on live, until Ctrl-C.
    """
    import os

    from app.cli.run import show
    from app.dashboard.listen import free_listen
    from app.demo import demo_config, live_config, live_height
    from app.opening_page import open_when_served
    from app.runner import RunRequest, run_request
    from ghostpose.config import InferenceConfig
    from ghostpose.dashboard import DashboardConfig

    wanted = InferenceConfig(processes=inference, engine=engine or "auto")
    config = demo_config(clip, wanted)
    is_shown = page and not as_json
    if is_shown:
        at = str(free_listen(listen))
        config = config.model_copy(update={"dashboard": DashboardConfig(listen=at)})
        open_when_served(f"http://{at}/")
    result = run_request(RunRequest(config, output, True, True, context.obj))
    show(result, as_json=as_json)
    if not as_json:
        drawn = ", ".join(f"{name}.mp4" for name in result.cameras)
        typer.echo(f"Drawn, in {output}: {drawn}, and sheet.png with some of their frames")
    if result.exit_code or result.stopped or not is_shown:
        raise typer.Exit(result.exit_code)
    typer.echo(f"Live at http://{config.dashboard.listen}/ until Ctrl-C")
    live = live_config(config, live_height(len(os.sched_getaffinity(0))))
    raise typer.Exit(run_request(RunRequest(live, None, True, False, context.obj)).exit_code)
