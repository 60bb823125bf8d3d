"""`ghostpose cameras test`: look whether a camera gives pictures, before or after it is added."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli import options

if TYPE_CHECKING:
    from ghostpose.types import ByteArray

EXAMPLES: Final = {
    "test": "ghostpose cameras test 'rtsp://admin:${env:PASSWORD}@10.0.0.5/live' --picture seen.jpg"
}


def test(
    camera: Annotated[
        str, typer.Argument(metavar="CAMERA", help="An address, a file, or a name in the registry")
    ],
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a picture here (.jpg, .png ...)")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to look")] = 3.0,
    as_json: options.AsJson = False,
    redis: options.RedisUrl = None,
) -> None:
    """Open a camera from here: its codec, size and rate, or what is wrong with it."""
    from app.camera_probe import probe_camera
    from app.camera_target import find_camera
    from ghostpose.errors import ConfigError

    found = find_camera(camera, redis)
    if picture is not None and not found.keeps_pictures:
        raise ConfigError(
            f"--picture: camera {found.name} doesn't allow it (privacy {found.privacy}, pixels"
            f" {found.pixels}): of this picture no poses are known to hide people by"
        )
    probed = probe_camera(found, seconds)
    if picture is not None:
        _write(picture, probed.image_hw3)
    if as_json:
        typer.echo(json.dumps({"camera": found.name, **probed.as_json()}))
        return
    damaged = f", {probed.damaged} damaged" if probed.damaged else ""
    typer.echo(
        f"{found.name}: {probed.info.description}\n"
        f"opened in {probed.opened_ms:.0f} ms; {probed.pictures} pictures{damaged},"
        f" {probed.rate:.1f} a second"
    )


def _write(path: Path, image_hw3: ByteArray) -> None:
    import cv2

    from ghostpose.errors import ConfigError

    try:
        encoded, data = cv2.imencode(path.suffix, image_hw3)
    except cv2.error:
        encoded = False
    if not encoded:
        raise ConfigError(f"--picture {path}: no such kind of picture; name it .jpg or .png")
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise ConfigError(f"--picture {path}: can't be written: {error.strerror}") from error
