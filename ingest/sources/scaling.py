"""Decoded frames to BGR pixels of the size that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

if TYPE_CHECKING:
    import av

    from ghostpose.types import ByteArray

_SHRUNK_FIRST: Final = frozenset({"yuv420p", "yuvj420p"})
"""What nearly all cameras and recordings decode to."""

_THREADS: Final = 1
"""One camera has one process: cameras share the cores, threads of one would fight over them."""


class Scaler:
    """FFmpeg's scaler, kept for a source's frames: making one costs more than using it.

    Shrinking by area goes from the decoder's format, which costs a fraction of converting the whole
    picture and shrinking that with OpenCV's INTER_AREA, and gives the same picture. Shrinking and
    converting in two steps takes a fifth of doing both at once, for which FFmpeg has no fast way;
    it costs colour some sharpness, which JPEG takes as well (benchmarks/pictures.py measures all
    three). For one thread.
    """

    def __init__(self) -> None:
        # Two, because each remembers the last conversion only.
        self._shrinking, self._converting = VideoReformatter(), VideoReformatter()

    def bgr(self, frame: av.VideoFrame, width: int, height: int) -> ByteArray:
        """Return a frame as uint8 (height, width, 3) BGR."""
        shrinks = width <= frame.width and height <= frame.height
        how = Interpolation.AREA if shrinks else Interpolation.BILINEAR
        if shrinks and frame.format.name in _SHRUNK_FIRST:
            frame = self._shrinking.reformat(
                frame, width=width, height=height, interpolation=how, threads=_THREADS
            )
        small = self._converting.reformat(
            frame, width=width, height=height, format="bgr24", interpolation=how, threads=_THREADS
        )
        return small.to_ndarray().astype(np.uint8, copy=False)
