"""Which sources give what happens now, told from how they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

STREAM_SCHEMES: Final = frozenset({"http", "https", "rtsp", "rtsps"})
"""Addresses that are played as streams."""

_LIVE_SCHEMES: Final = STREAM_SCHEMES | {"device", "snapshot"}


def is_live(source: str) -> bool:
    """Return whether `source`, as written, gives what happens now, as far as can be seen.

    A reference to where the address is kept (`${env:NAME}`) stands for a network camera.
    """
    scheme, _, _ = source.partition(":")
    return source.startswith("${") or scheme in _LIVE_SCHEMES or is_video_device(Path(source))


def is_video_device(path: Path) -> bool:
    """Return whether `path` is a camera that Linux has, a link to one, or the name of one.

    What is named as a camera is one while it isn't plugged in, too.
    """
    if str(path).startswith(("/dev/video", "/dev/v4l/")):
        return True
    return path.is_char_device() and path.resolve().name.startswith("video")
