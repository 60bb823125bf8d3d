"""A camera at this machine: USB or any other that Linux has as /dev/video*, by OpenCV."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from ghostpose.errors import SourceError
from ingest.sources.image_folder import StillPicture
from ingest.sources.protocol import Item, SourceInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ghostpose.types import ByteArray

DEFAULT_FPS: Final = 30.0


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """What to ask the device for; it gives the nearest it can. 0 and empty: as it is.

    `format` is the four letters of how pictures travel from it: `MJPG` brings large ones through
    USB 2 at full rate.
    """

    width: int = 0
    height: int = 0
    fps: float = 0.0
    format: str = ""


def open_capture(path: Path) -> cv2.VideoCapture:
    """Open a device by Linux's own interface."""
    return cv2.VideoCapture(str(path), cv2.CAP_V4L2)


class Device:
    """Opens a device; media time is its driver's clock from the first picture on.

    Raises:
        SourceError: there is no such device, it is in use, or it gives no picture.
    """

    ended_early: str | None = None

    def __init__(
        self,
        camera: str,
        path: Path,
        options: DeviceOptions,
        capture: Callable[[Path], cv2.VideoCapture] = open_capture,
    ) -> None:
        if not path.exists():
            raise SourceError(f"camera {camera}: there is no device {path}: is it plugged in?")
        self._camera, self._path = camera, path
        self._capture = capture(path)
        self._opened_s = time.monotonic()
        self._origin_ms: float | None = None
        try:
            self.info = self._begin(options)
        except BaseException:
            self._capture.release()
            raise

    def _begin(self, options: DeviceOptions) -> SourceInfo:
        if not self._capture.isOpened():
            raise SourceError(
                f"camera {self._camera}: {self._path} can't be opened: another program has it, this"
                " user may not (group video), or it is no camera"
            )
        self._ask_for(options)
        first = self._next()
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        fps = fps if 0 < fps <= 1000 else DEFAULT_FPS
        return SourceInfo(
            description=f"device {first.width}x{first.height} at {fps:.3g} frames/s",
            width=first.width,
            height=first.height,
            nominal_fps=fps,
            live=True,
        )

    def _ask_for(self, options: DeviceOptions) -> None:
        if options.format:
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*options.format))
        for name, value in (
            (cv2.CAP_PROP_FRAME_WIDTH, options.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, options.height),
            (cv2.CAP_PROP_FPS, options.fps),
        ):
            if value:
                self._capture.set(name, value)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest picture, not the oldest kept

    def pictures(self) -> Iterator[Item]:
        """See `Source.pictures`."""
        while True:
            yield self._next()

    def _next(self) -> StillPicture:
        came, image_hw3 = self._capture.read()
        if not came or image_hw3 is None:
            raise SourceError(f"camera {self._camera}: {self._path} gives no picture: unplugged?")
        return StillPicture(self._media_time(), _bgr(image_hw3))

    def _media_time(self) -> float:
        """Return the driver's time of the picture, or that of its arrival if it has none."""
        driver_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        if driver_ms <= 0:
            return time.monotonic() - self._opened_s
        if self._origin_ms is None:
            self._origin_ms = driver_ms
        return (driver_ms - self._origin_ms) / 1000.0

    def close(self) -> None:
        """Leave the device to others."""
        self._capture.release()


def _bgr(image: cv2.typing.MatLike) -> ByteArray:
    grey = image.ndim == 2
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if grey else image, np.uint8)
