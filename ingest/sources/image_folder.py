"""A folder of pictures as a recording: in natural order, at a fixed rate."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.codec.picture_files import decode_picture_file
from ghostpose.errors import DecodeError, SourceError
from ingest.prepare import resize
from ingest.sampling import sampled
from ingest.sources.protocol import Picture, SourceInfo, Undecodable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ghostpose.types import ByteArray

SUFFIXES: Final = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

DEFAULT_FPS: Final = 10.0


def natural_key(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Order names as people do: `frame2` before `frame10`."""
    parts = re.split(r"(\d+)", name.lower())
    return tuple((not part.isdecimal(), _number(part), part) for part in parts if part)


def _number(part: str) -> int:
    return int(part[:300]) if part.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class StillPicture:
    """A picture already in BGR."""

    media_time: float
    image_hw3: ByteArray

    @property
    def width(self) -> int:
        """Pixels a row."""
        return int(self.image_hw3.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.image_hw3.shape[0])

    def pixels(self, width: int, height: int) -> ByteArray:
        """See `Picture.pixels`."""
        return resize(self.image_hw3, width, height)

    def sample(self) -> ByteArray:
        """See `Picture.sample`."""
        return sampled(self.image_hw3)


class ImageFolder:
    """Opens a folder; picture k has media time k / fps.

    Raises:
        SourceError: there's no such folder, or no readable picture in it.
    """

    ended_early: str | None = None

    def __init__(
        self, camera: str, folder: Path, fps: float = DEFAULT_FPS, start_s: float = 0.0
    ) -> None:
        if not folder.is_dir():
            raise SourceError(f"camera {camera}: wanted a folder of pictures, {folder} is none")
        names = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        self._paths = sorted(names, key=lambda path: natural_key(path.name))
        if not self._paths:
            raise SourceError(
                f"camera {camera}: {folder} has no pictures; wanted files named"
                f" *{' *'.join(SUFFIXES)}"
            )
        self._fps, self._first = fps, round(start_s * fps)
        if self._first >= len(self._paths):
            raise SourceError(
                f"camera {camera}: start_s {start_s:g} is beyond the end of {folder}, which is"
                f" {len(self._paths) / fps:.1f} s long at {fps:g} pictures a second"
            )
        self.info = self._describe(camera, folder)

    def _describe(self, camera: str, folder: Path) -> SourceInfo:
        readable = (image for image in map(_read, self._paths) if isinstance(image, np.ndarray))
        first = next(readable, None)
        if first is None:
            raise SourceError(f"camera {camera}: none of the pictures in {folder} can be decoded")
        count = len(self._paths)
        return SourceInfo(
            description=f"folder of {count} pictures",
            width=first.shape[1],
            height=first.shape[0],
            nominal_fps=self._fps,
            frames=count - self._first,
            length_s=count / self._fps,
        )

    def pictures(self) -> Iterator[Picture | Undecodable]:
        """See `Source.pictures`."""
        for index in range(self._first, len(self._paths)):
            image = _read(self._paths[index])
            if isinstance(image, Undecodable):
                yield image
            else:
                yield StillPicture(index / self._fps, image)

    def close(self) -> None:
        """Nothing is open between two pictures."""


def _read(path: Path) -> ByteArray | Undecodable:
    try:
        return decode_picture_file(path.read_bytes())
    except (OSError, DecodeError) as error:
        return Undecodable(f"{path.name}: {error}")
