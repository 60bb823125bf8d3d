"""Drawing a run's poses into the recordings they came from: a video a camera, and one sheet.

A picture and its pose message meet by media time: the source is read once more and its clock is
repaired as ingest repairs it, so that equal times mean the same picture. Skipped frames are left
out, so a camera at half rate becomes a video with half of the pictures, at their own times.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av
import cv2

from ghostpose.codec.poses import decode_pose
from ghostpose.drawing import contact_sheet, draw_people
from ghostpose.masking import HOLD_S, RecentPeople, masked
from ingest.clock import MediaClock
from ingest.sources import NoPicture, open_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import Self

    from av.video.stream import VideoStream

    from ghostpose.config import CameraConfig
    from ghostpose.types import ByteArray, PoseMessage
    from ingest.sources import Picture

TIME_DIGITS: Final = 6
"""Pose messages carry media time to the microsecond."""

TIME_BASE: Final = Fraction(1, 90_000)
"""Ticks of the drawn videos, fine enough for any recording's clock."""

SHEET_COLUMNS: Final = 4
SHEET_CELLS: Final = 12
SHEET_CELL_WIDTH_PX: Final = 480

QUALITY_CRF: Final = "23"
"""x264's constant rate factor: its default, good enough to look at lines a pixel wide."""


@dataclass(frozen=True, slots=True)
class DrawnFrame:
    """A picture of the source with everybody in it drawn, and its message."""

    image_hw3: ByteArray
    message: PoseMessage


def annotate_all(cameras: Sequence[CameraConfig], output: Path) -> None:
    """Write `output/CAMERA.mp4` for each camera that has poses, and `output/sheet.png`.

    Raises:
        SourceError: a source can't be opened any more.
    """
    messages = read_poses(output / "poses.jsonl")
    drawn = [camera for camera in cameras if messages.get(camera.name)]
    each = max(1, SHEET_CELLS // max(len(drawn), 1))
    sheet: list[DrawnFrame] = []
    for camera in drawn:
        sheet += _annotate(camera, messages[camera.name], output, each)
    if sheet:
        write_sheet(sheet, output / "sheet.png", min(SHEET_COLUMNS, each))


def read_poses(path: Path) -> dict[str, list[PoseMessage]]:
    """Return each camera's messages of its last session, in order."""
    messages: dict[str, list[PoseMessage]] = {}
    with path.open("rb") as lines:
        for line in lines:
            message = decode_pose(line)
            known = messages.setdefault(message.camera, [])
            if known and known[-1].session != message.session:
                known.clear()
            known.append(message)
    return messages


def _annotate(
    camera: CameraConfig, messages: Sequence[PoseMessage], output: Path, cells: int
) -> list[DrawnFrame]:
    """Write one camera's video; return `cells` of its frames, evenly spread, for the sheet."""
    step = len(messages) / cells
    kept = {messages[int((cell + 0.5) * step)].seq for cell in range(min(cells, len(messages)))}
    sheet = []
    with VideoWriter(output / f"{camera.name}.mp4") as writer:
        for frame in drawn_frames(camera, messages):
            writer.write(frame.image_hw3, frame.message.media_time - messages[0].media_time)
            if frame.message.seq in kept:
                sheet.append(frame)
    return sheet


def drawn_frames(camera: CameraConfig, messages: Iterable[PoseMessage]) -> Iterator[DrawnFrame]:
    """Read the source once more and give each picture that has a message, drawn.

    `messages` are of one session, in order. What of the picture is seen under the skeletons is as
    the camera's `privacy` says.
    """
    ahead = _MessagesAhead(messages)
    for time_s, picture in _pictures(camera):
        message = ahead.at(time_s)
        if message is not None:
            shown_hw3 = masked(
                _pixels(camera, picture), camera.privacy, (), ahead.recent.around(message)
            )
            yield DrawnFrame(draw_people(shown_hw3, message.people), message)
        if ahead.is_over:
            return


class _MessagesAhead:
    """A session's messages, read as far ahead of the picture as masking looks."""

    def __init__(self, messages: Iterable[PoseMessage]) -> None:
        self.recent: Final = RecentPeople()
        self._rest = iter(messages)
        self._coming: deque[PoseMessage] = deque()
        self._next = next(self._rest, None)

    @property
    def is_over(self) -> bool:
        """Whether no message is left that a picture could have."""
        return not self._coming and self._next is None

    def at(self, time_s: float) -> PoseMessage | None:
        """Return the message of this media time, if there is one; times asked for grow."""
        while self._next is not None and self._next.media_time <= time_s + HOLD_S:
            self._coming.append(self._next)
            self.recent.add(self._next)
            self._next = next(self._rest, None)
        while self._coming and _time_s(self._coming[0]) < time_s:
            self._coming.popleft()
        if self._coming and _time_s(self._coming[0]) == time_s:
            return self._coming.popleft()
        return None


def _time_s(message: PoseMessage) -> float:
    return round(message.media_time, TIME_DIGITS)


def _pictures(camera: CameraConfig) -> Iterator[tuple[float, Picture]]:
    """Give all pictures with their repaired times, which grow."""
    source = open_source(camera)
    try:
        clock = MediaClock(source.info.nominal_interval_s)
        for picture in source.pictures():
            if not isinstance(picture, NoPicture):
                yield round(clock.read(picture.media_time), TIME_DIGITS), picture
    finally:
        source.close()


def _pixels(camera: CameraConfig, picture: Picture) -> ByteArray:
    """Return a picture at the size of the source, mirrored as the camera says."""
    image_hw3 = picture.pixels(picture.width, picture.height)
    return image_hw3[:, ::-1] if camera.mirror else image_hw3


@dataclass(slots=True)
class VideoWriter:
    """Writes pictures with their times as H.264; the first one's size is the video's."""

    path: Path
    _container: av.container.OutputContainer | None = None
    _stream: VideoStream | None = None
    _size: tuple[int, int] = field(default=(0, 0))

    def __enter__(self) -> Self:
        self._container = av.open(str(self.path), "w")
        return self

    def write(self, image_hw3: ByteArray, time_s: float) -> None:
        """Append a picture shown from `time_s` on; times grow."""
        stream = self._stream or self._begin(image_hw3)
        width, height = self._size
        # The codec halves the colour planes, so sides are even: the last odd pixel is left out.
        picture = av.VideoFrame.from_ndarray(image_hw3[:height, :width].copy(), format="bgr24")
        picture.pts = round(time_s / TIME_BASE)
        picture.time_base = TIME_BASE
        self._mux(stream, picture)

    def _begin(self, image_hw3: ByteArray) -> VideoStream:
        assert self._container is not None
        stream = self._container.add_stream("libx264", rate=30)
        height, width = image_hw3.shape[:2]
        self._size = (width - width % 2, height - height % 2)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = TIME_BASE
        stream.options = {"crf": QUALITY_CRF, "preset": "veryfast"}
        self._stream = stream
        return stream

    def _mux(self, stream: VideoStream, picture: av.VideoFrame | None) -> None:
        assert self._container is not None
        for packet in stream.encode(picture):
            self._container.mux(packet)

    def __exit__(self, *_: object) -> None:
        assert self._container is not None
        if self._stream is not None:
            self._mux(self._stream, None)
        self._container.close()


def write_sheet(frames: Sequence[DrawnFrame], path: Path, columns: int) -> None:
    """Write the frames as one PNG with captions that say which they are."""
    captions = [
        f"{frame.message.camera}  {frame.message.media_time:.1f} s"
        f"  {len(frame.message.people)} people"
        for frame in frames
    ]
    images = [frame.image_hw3 for frame in frames]
    sheet_hw3 = contact_sheet(
        images, columns=columns, captions=captions, cell_width=SHEET_CELL_WIDTH_PX
    )
    done, encoded = cv2.imencode(".png", sheet_hw3)
    assert done, "a PNG of bytes in memory can always be made"
    path.write_bytes(encoded.tobytes())
