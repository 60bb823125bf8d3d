"""`ghostpose render`: stored poses drawn into the recording they came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.cli import options
from app.cli.doing import do

if TYPE_CHECKING:
    from ghostpose.config import CameraConfig, GhostposeConfig

EXAMPLES: Final = (
    "Example: ghostpose render hall.mp4 --store sqlite:///poses.sqlite --output hall-drawn.mp4"
)


def render(
    video: Annotated[str, typer.Argument(metavar="VIDEO", help="What was analysed")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="The MP4 to write")],
    camera: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Its camera's name [default: made from VIDEO's]"),
    ] = None,
    session: Annotated[
        int | None, typer.Option(min=0, help="Which session [default: the newest]")
    ] = None,
    privacy: options.Privacy = None,
    config: options.ConfigFile = None,
    store: options.StoreUrl = None,
    redis: options.RedisUrl = None,
    jobs: options.Jobs = None,
    queue: options.Queue = False,
    wait: options.Wait = False,
    as_json: options.AsJson = False,
) -> None:
    """Draw stored poses into their recording: each on the picture of its own media time.

    A camera of that name in --config lends its settings (`privacy`, `mirror`, `start_s`).
    """
    from app.jobs.requests import Render
    from app.jobs.ways import way_of

    way = way_of(config, redis=redis, store=store, jobs=jobs, queue=queue, wait=wait)
    request = Render(
        camera=_camera(way.config, video, camera, privacy),
        session=session,
        output=output.absolute(),
    )
    do(output.name, request, way, _sentence, as_json=as_json)


def _camera(
    config: GhostposeConfig, video: str, name: str | None, privacy: str | None
) -> CameraConfig:
    from app.jobs.videos import absolute
    from app.settings import updated
    from ghostpose.config import CameraConfig, camera_name_from
    from ghostpose.errors import ConfigError

    name = name or camera_name_from(video)
    known = next((one for one in config.cameras if one.name == name), None)
    if known is None:
        known = updated(CameraConfig(name="any", source=video), {"name": name})
    camera = updated(known, {"source": absolute(video), "privacy": privacy})
    if camera.pixels == "never":
        raise ConfigError(
            f"camera {name}: its pixels are 'never' to be kept, and a video holds pictures"
        )
    return camera


def _sentence(result: dict[str, Any]) -> str:
    missing = f", {result['missing']} have no picture in it" if result["missing"] else ""
    return f"{result['frames']} frames of session {result['session']} are drawn{missing}"
