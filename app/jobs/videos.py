"""Recordings that are named on a command line, as cameras."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from app.settings import with_cameras
from ghostpose.config import GhostposeConfig
from ghostpose.errors import ConfigError
from ghostpose.live import is_live

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ghostpose.config import CameraConfig

CREDIT: Final = 16
"""Frames a recording may have in flight: enough to keep several inference processes busy."""


def cameras_of(
    videos: Sequence[str], config: GhostposeConfig, given: Mapping[str, object]
) -> tuple[CameraConfig, ...]:
    """Return a camera for each video; one of the same name in `config` lends its settings.

    Raises:
        ConfigError: one is live or has no end, or an option is out of range.
    """
    for video in videos:
        if is_live(video):
            raise ConfigError(
                f"{video}: this is live, and has no end: only recordings are analysed;"
                " ghostpose run plays it"
            )
        if _is_endless(video):
            raise ConfigError(f"{video}: without frames=N a test pattern has no end")
    named = with_cameras(
        GhostposeConfig(), [absolute(video) for video in videos], given, new={"credit": CREDIT}
    ).cameras
    known = {camera.name: camera for camera in config.cameras}
    return tuple(_lent(known.get(camera.name), camera) for camera in named)


def _lent(known: CameraConfig | None, named: CameraConfig) -> CameraConfig:
    """Return a recording by the settings that the configuration has for its name, if any."""
    settings = named.model_dump(exclude_unset=True)
    if known is not None:
        settings = known.model_dump(exclude_unset=True) | settings
    return type(named).model_validate(
        settings | {"policy": "every", "loop": False, "paused": False, "max_age_ms": 0}
    )


def _is_endless(video: str) -> bool:
    """Return whether it is a test pattern that goes on for ever."""
    scheme, _, options = video.partition(":")
    frames = parse_qs(options.removeprefix("?")).get("frames", ["0"])[-1]
    return scheme == "pattern" and not frames.strip("0")


def absolute(video: str) -> str:
    """Return a path as it is found from anywhere; an address stays as it is."""
    return video if ":" in video else str(Path(video).absolute())
