"""A picture as FFmpeg decoded it, and what its stream says about its rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ingest.sampling import sampled

if TYPE_CHECKING:
    import av
    import av.error
    from av.video.stream import VideoStream

    from ghostpose.types import ByteArray
    from ingest.sources.scaling import Scaler

FPS_RANGE: Final = (0.01, 1000.0)
"""Frame rates outside are mistakes of the container, not rates."""

DEFAULT_FPS: Final = 25.0


@dataclass(frozen=True, slots=True)
class VideoPicture:
    """A decoded frame in the decoder's format. `quarter_turns` to the left make it upright.

    `scaler` is shared by a source's pictures, so only one thread may ask for pixels.
    """

    frame: av.VideoFrame
    media_time: float | None
    quarter_turns: int
    scaler: Scaler

    @property
    def width(self) -> int:
        """Pixels a row, rotation done."""
        return self.frame.height if self.quarter_turns % 2 else self.frame.width

    @property
    def height(self) -> int:
        """Rows, rotation done."""
        return self.frame.width if self.quarter_turns % 2 else self.frame.height

    def pixels(self, width: int, height: int) -> ByteArray:
        """See `Picture.pixels`."""
        if self.quarter_turns % 2:
            width, height = height, width
        image_hw3 = self.scaler.bgr(self.frame, width, height)
        return np.rot90(image_hw3, self.quarter_turns) if self.quarter_turns else image_hw3

    def sample(self) -> ByteArray:
        """See `Picture.sample`: of the first plane, which is brightness in video's formats."""
        plane = self.frame.planes[0]
        rows_hw = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return sampled(rows_hw[: self.frame.height, : self.frame.width])


def quarter_turns_of(frame: av.VideoFrame) -> int:
    """Return how many quarter turns to the left make a frame upright, as its metadata says."""
    return round(frame.rotation / 90) % 4


def nominal_fps(stream: VideoStream, *, timed: bool) -> float:
    """Choose the frame rate that the container means.

    The average over the file is right for a clock that stumbles; without times there is no average,
    and only the guess from the codec is left.
    """
    rates = (stream.average_rate, stream.guessed_rate)
    for rate in rates if timed else reversed(rates):
        if rate is not None and FPS_RANGE[0] <= rate <= FPS_RANGE[1]:
            return float(rate)
    return DEFAULT_FPS


def reason_of(error: av.error.FFmpegError) -> str:
    """Return what FFmpeg says is wrong, without the address, which may hold a password."""
    return (error.strerror or str(error)).lower()
