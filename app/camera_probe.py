"""A look at a camera: what comes of it, how much of it, and a picture."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghostpose.errors import SourceError
from ingest.prepare import plan_for
from ingest.sources import NoPicture, Undecodable, open_source

if TYPE_CHECKING:
    from ghostpose.config import CameraConfig
    from ghostpose.types import ByteArray
    from ingest.sources import Source, SourceInfo


@dataclass(frozen=True, slots=True)
class Probed:
    """What a camera gave. `rate`: pictures a second of its own time, or of ours if it has none.

    `image_hw3` is the last picture, BGR uint8.
    """

    info: SourceInfo
    opened_ms: float
    pictures: int
    damaged: int
    rate: float
    image_hw3: ByteArray

    def as_json(self) -> dict[str, object]:
        """Return the figures."""
        return {
            "source": self.info.description,
            "width": self.info.width,
            "height": self.info.height,
            "live": self.info.live,
            "nominal_fps": round(self.info.nominal_fps, 3),
            "fps": round(self.rate, 3),
            "pictures": self.pictures,
            "damaged": self.damaged,
            "opened_ms": round(self.opened_ms),
        }


def probe_camera(camera: CameraConfig, seconds: float) -> Probed:
    """Open a camera and read pictures for so long, at most as long as it has some.

    Raises:
        SourceError: it can't be opened or read, gives no picture, or its region isn't inside.
    """
    began_s = time.perf_counter()
    # Every picture is decoded, however few of them the camera is set to need.
    source = open_source(camera.model_copy(update={"fps": None, "decode": "all"}))
    try:
        plan_for(camera, source.info.width, source.info.height)
        return _read(camera, source, 1000 * (time.perf_counter() - began_s), seconds)
    finally:
        source.close()


def _read(camera: CameraConfig, source: Source, opened_ms: float, seconds: float) -> Probed:
    count, damaged, last = 0, 0, None
    times_s: list[float] = []
    began_s = time.perf_counter()
    for item in source.pictures():
        if isinstance(item, NoPicture):
            damaged += isinstance(item, Undecodable)
        else:
            count, last = count + 1, item
            clock_s = time.perf_counter() - began_s
            times_s.append(clock_s if item.media_time is None else item.media_time)
        if time.perf_counter() - began_s >= seconds:
            break
    if last is None:
        raise SourceError(f"camera {camera.name}: it was opened, and no picture came of it")
    span_s = times_s[-1] - times_s[0]
    rate = (count - 1) / span_s if span_s > 0 else source.info.nominal_fps
    image_hw3 = last.pixels(last.width, last.height)
    return Probed(source.info, opened_ms, count, damaged, rate, image_hw3)
