"""A video file, read by PyAV: any container, real timestamps, pictures in the order of display."""

from __future__ import annotations

import logging
import math
from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, Final

import av
import av.error

from ghostpose.errors import SourceError
from ghostpose.types import MAX_SIDE_PX
from ingest.sources.protocol import Picture, SourceInfo, Undecodable
from ingest.sources.scaling import Scaler
from ingest.sources.video_picture import VideoPicture, nominal_fps, quarter_turns_of, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

MISSING_TAIL_S: Final = 1.0
"""A file whose streams all end so much before the length in its header has been cut off."""

FIRST_CAMERA_TIME: Final = datetime.fromisoformat("1995-01-01T00:00:00+00:00").timestamp()
"""Creation times before this are clocks that were never set (1904 and 1970 are common)."""

OPENS_OTHERS: Final = frozenset(
    ["concat", "dash", "hls", "imf", "mlv", "rtsp", "sap", "sdp", "vobsub", "webm_dash_manifest"]
)
"""FFmpeg's formats whose files make it open others: play lists, or parts of other names."""

CONTAINER_OPTIONS: Final = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(
        sorted({name for names in av.formats_available for name in names.split(",")} - OPENS_OTHERS)
    ),
    "pattern_type": "none",  # else a picture called a%d.jpg stands for a0.jpg, a1.jpg, ...
}
"""The file that is named is the only one that is opened: who may name it may see no other by it."""

_LOG: Final = logging.getLogger("ingest.sources.VideoFile")


class VideoFile:
    """Opens a video file; media time 0 is the stream's start.

    `start_s` begins there: frames before it are decoded where they must be, but not given.

    Raises:
        SourceError: it isn't there, is no video, or not one picture of it can be decoded.
    """

    def __init__(self, camera: str, path: Path, start_s: float = 0.0) -> None:
        self.ended_early: str | None = None
        self._camera, self._path, self._start_s = camera, path, start_s
        self._container = _open(camera, path)
        try:
            self._begin()
        except BaseException:
            self._container.close()
            raise

    def _begin(self) -> None:
        self._stream = self._video_stream()
        # One camera has one process: cameras share the cores, threads of one would fight over them.
        self._stream.thread_type = "NONE"
        self._origin_pts = self._stream.start_time or 0
        self._packets = self._pictures = self._damaged = 0
        self._end_s, self._video_end_s, self._last_is_whole = 0.0, 0.0, True
        if self._start_s > 0:
            self._seek()
        self._scaler = Scaler()
        self._items = self._read()
        self._first: deque[Picture | Undecodable] = deque()
        self.info = self._describe(self._first_picture())

    def _video_stream(self) -> VideoStream:
        streams = self._container.streams
        if streams.video:
            return streams.video[0]
        kinds: list[str] = sorted({stream.type for stream in streams}) or ["nothing"]
        raise SourceError(
            f"camera {self._camera}: {self._path} has no video in it, only {' and '.join(kinds)}"
        )

    def _seek(self) -> None:
        length_s = self._length_s()
        if length_s is not None and self._start_s >= length_s:
            raise SourceError(
                f"camera {self._camera}: start_s {self._start_s:g} is beyond the end of"
                f" {self._path}, which is {length_s:.1f} s long"
            )
        time_base = self._stream.time_base or 1
        offset = int(self._start_s / time_base) + self._origin_pts
        try:
            self._container.seek(offset, stream=self._stream)
        except av.error.FFmpegError:
            _LOG.debug("%s: can't seek in %s; reads up to the start", self._camera, self._path)

    def _first_picture(self) -> Picture:
        for item in self._items:
            self._first.append(item)
            if not isinstance(item, Undecodable):
                return item
        raise SourceError(
            f"camera {self._camera}: not one picture of {self._path} can be decoded"
            f" ({self._stream.codec_context.name}); the file is damaged or cut off"
            if self._start_s == 0
            else f"camera {self._camera}: {self._path} has no picture after {self._start_s:g} s"
        )

    def _describe(self, first: Picture) -> SourceInfo:
        codec = self._stream.codec_context.name
        fps = nominal_fps(self._stream, timed=self._container.duration is not None)
        if max(first.width, first.height) > MAX_SIDE_PX:
            raise SourceError(
                f"camera {self._camera}: {self._path} is {first.width}x{first.height};"
                f" no side may be over {MAX_SIDE_PX}"
            )
        return SourceInfo(
            description=f"{codec} {first.width}x{first.height} at {fps:.3g} frames/s",
            width=first.width,
            height=first.height,
            nominal_fps=fps,
            frames=self._frames_estimate(fps),
            length_s=self._length_s(),
            recorded_at=_creation_time(self._container.metadata),
        )

    def _length_s(self) -> float | None:
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        duration = self._container.duration
        return None if duration is None else duration / av.time_base

    def _frames_estimate(self, fps: float) -> int | None:
        length_s = self._length_s()
        if self._start_s == 0 and self._stream.frames:
            return self._stream.frames
        return None if length_s is None else max(0, round((length_s - self._start_s) * fps))

    def pictures(self) -> Iterator[Picture | Undecodable]:
        """See `Source.pictures`; afterwards `ended_early` says if the file has been cut off."""
        while self._first:
            yield self._first.popleft()
        yield from self._items
        self.ended_early = self.ended_early or self._missing_tail()
        hidden = self._packets - self._pictures - self._damaged
        if hidden > 0:  # empty, meant to be hidden, or damaged without the decoder's noticing
            _LOG.info("%s: %d packets of %s held no picture", self._camera, hidden, self._path)

    def _read(self) -> Iterator[Picture | Undecodable]:
        """Give every picture and every failure of the video stream, from where it stands."""
        try:
            for packet in self._container.demux():
                # Other streams aren't decoded, but tell how far the file goes.
                self._end_s = max(self._end_s, _end_of(packet))
                if packet.stream_index == self._stream.index:
                    self._video_end_s = max(self._video_end_s, _end_of(packet))
                    yield from self._decode(packet)
        except av.error.FFmpegError as error:
            self.ended_early = (
                f"camera {self._camera}: reading {self._path} stopped after {self._packets} frames:"
                f" {reason_of(error)}"
            )

    def _decode(self, packet: Packet[Stream]) -> Iterator[Picture | Undecodable]:
        flushes = packet.size == 0 and packet.pts is None and packet.dts is None
        self._packets += not flushes
        if packet.size == 0 and not flushes:
            return  # "as before": no picture; the decoder would take it for the end
        self._last_is_whole = self._last_is_whole if flushes else not packet.is_corrupt
        try:
            frames = self._stream.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            self._last_is_whole = False
            self._damaged += 1
            yield Undecodable(reason_of(error))
            return
        for frame in frames:
            self._last_is_whole = self._last_is_whole and not frame.is_corrupt
            picture = self._picture(frame)
            if picture.media_time is None or picture.media_time >= self._start_s - 1e-6:
                yield picture

    def _picture(self, frame: av.VideoFrame) -> VideoPicture:
        self._pictures += 1
        time_s = None
        if frame.pts is not None and frame.time_base is not None:
            time_s = float((frame.pts - self._origin_pts) * frame.time_base)
        return VideoPicture(frame, time_s, quarter_turns_of(frame), self._scaler)

    def _missing_tail(self) -> str | None:
        """Say it if the container's header promised more than came."""
        came = f"camera {self._camera}: {self._path} is cut off"
        promised = self._stream.frames
        if self._start_s == 0 and promised > self._packets and self._video_is_short():
            return f"{came}: its header says {promised} frames, {self._packets} are there"
        duration = self._container.duration
        start_s = (self._container.start_time or 0) / av.time_base
        length_s = (duration or 0) / av.time_base
        if self._end_s and length_s - (self._end_s - start_s) > MISSING_TAIL_S:
            return (
                f"{came}: its header says {length_s:.1f} s, {self._end_s - start_s:.1f} s are there"
            )
        return None if self._last_is_whole else f"{came}: its last frame is damaged"

    def _video_is_short(self) -> bool:
        """Say whether packets end before the stream's duration.

        A trimmed file keeps the count of the untrimmed one; its duration is that of its edit list.
        """
        if self._stream.duration is None or self._stream.time_base is None:
            return True
        begin_s = float(self._origin_pts * self._stream.time_base)
        length_s = float(self._stream.duration * self._stream.time_base)
        return length_s - (self._video_end_s - begin_s) > self.info.nominal_interval_s / 2

    def close(self) -> None:
        """Close the file."""
        # The iterator holds this source, and pictures much memory that Python doesn't know of: else
        # both would stay until its collector comes by.
        self._items = iter(())
        self._first.clear()
        self._container.close()


def _open(camera: str, path: Path) -> InputContainer:
    if not path.exists():
        raise SourceError(f"camera {camera}: there is no file {path}")
    if not path.is_file():
        raise SourceError(f"camera {camera}: {path} is no file")
    if path.stat().st_size == 0:
        raise SourceError(f"camera {camera}: {path} is empty")
    try:
        # "file:": a name is never an address.
        return av.open(
            f"file:{path}", metadata_errors="replace", container_options=CONTAINER_OPTIONS
        )
    except PermissionError as error:
        raise SourceError(f"camera {camera}: {path} may not be read by this user") from error
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(
            f"camera {camera}: {path} can't be opened as a video ({_kind_of(path)})"
        ) from error


def _kind_of(path: Path) -> str:
    """Say in a few words what a file that no demuxer takes may be."""
    with path.open("rb") as file:
        start = file.read(4096)
    if start[4:8] == b"ftyp":
        return "an MP4 without its index: cut off, or never finished"
    if start.startswith((b"#EXTM3U", b"ffconcat")):
        return "a play list: name the videos that are in it"
    printable = sum(byte in b"\t\n\r\f" or byte >= 0x20 for byte in start)
    try:
        start[: start.rfind(b"\n") + 1].decode()
    except UnicodeDecodeError:
        printable = 0
    return "it is text" if printable == len(start) else "damaged, or no video at all"


def _end_of(packet: Packet[Stream]) -> float:
    if packet.pts is None or packet.time_base is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)


def _creation_time(metadata: Mapping[str, str]) -> float | None:
    """Return the container's creation time in Unix seconds, None if there is no believable one."""
    try:
        created = datetime.fromisoformat(metadata["creation_time"])
    except (KeyError, ValueError):
        return None
    if created.tzinfo is None:
        return None
    unix_s = created.timestamp()
    return unix_s if math.isfinite(unix_s) and unix_s >= FIRST_CAMERA_TIME else None
