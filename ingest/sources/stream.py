"""A stream from the network, read by PyAV: RTSP, HTTP (MJPEG, MPEG-TS, files) and HLS.

Every call into FFmpeg ends by itself: opening within `OPEN_S` a step, reading within the camera's
`silence_s`. What must not wait for that runs in another thread (`ingest.opening`, `ingest.reader`).
"""

from __future__ import annotations

import ssl
import time
from collections import deque
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import av
import av.error

from ghostpose.errors import SourceError
from ghostpose.redaction import without_password
from ghostpose.types import MAX_SIDE_PX
from ingest.sources.hardware import accelerator, device_of
from ingest.sources.keyframes import KeyframeGate
from ingest.sources.protocol import (
    BURST_SILENCE_S,
    Item,
    NoPicture,
    NothingYet,
    Picture,
    SourceInfo,
    Undecodable,
    Undecoded,
)
from ingest.sources.scaling import Scaler
from ingest.sources.stream_errors import opening_failed, reading_failed
from ingest.sources.video_picture import VideoPicture, nominal_fps, quarter_turns_of, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

    from ghostpose.config import CameraConfig

OPEN_S: Final = 10.0
"""How long connecting may take, and again how long looking for streams may."""

FIRST_PICTURE_S: Final = 20.0
"""How long an opened stream may go without one picture: keyframes may be ten seconds apart."""

ANALYSE_US: Final = 2_000_000
"""How much of a stream is looked at, at most, before it counts as opened."""

CLOCKLESS: Final = frozenset({"mjpeg", "mpjpeg"})
"""Formats without times: their pictures get those of their arrival."""

NETWORK_PROTOCOLS: Final = "crypto,data,http,httpproxy,https,rtp,rtsp,rtsps,srtp,tcp,tls,udp"
"""All that an address, or a play list behind it, may make FFmpeg open: never a file."""


class NetworkStream:
    """Opens a stream; media time 0 is its first picture, or a recording's start.

    Something served over HTTP with a known length is a recording, not a live source.

    Raises:
        CredentialsError: it wants another user or password.
        SourceError: it can't be reached, is no video, or no picture comes of it.
    """

    def __init__(self, camera: CameraConfig, url: str) -> None:
        self.ended_early: str | None = None
        self._camera, self._address = camera, without_password(url)
        self._silence_s = camera.silence_s
        self._hardware = accelerator(camera.hardware)
        self._container = self._open(url)
        try:
            self._begin()
        except BaseException:
            self._container.close()
            raise

    def _open(self, url: str) -> InputContainer:
        options, began_s = _options(self._camera, url), time.monotonic()
        try:
            try:
                return self._connect(url, options)
            except av.error.HTTPOtherClientError:
                # RTSP's answer if there is no video to be played: look what there is instead.
                return self._connect(url, options | {"allowed_media_types": "video+audio+data"})
        except (av.error.FFmpegError, OSError, ValueError, RuntimeError) as error:
            # Not its cause: FFmpeg's own text holds the address as it is.
            took_s = time.monotonic() - began_s
            raise opening_failed(
                self._camera.name, self._address, error, took_s=took_s, limit_s=OPEN_S
            ) from None

    def _connect(self, url: str, options: dict[str, str]) -> InputContainer:
        if urlsplit(url).path.endswith(".m3u8"):
            self._silence_s = max(self._silence_s, BURST_SILENCE_S)
        return av.open(
            url,
            metadata_errors="replace",
            container_options=options,
            timeout=(OPEN_S, self._silence_s),
            hwaccel=self._hardware.hwaccel if self._hardware else None,
        )

    def _begin(self) -> None:
        self._stream = self._video_stream()
        # One camera has one process: cameras share the cores, threads of one would fight over them.
        self._stream.thread_type = "NONE"
        self._gate = KeyframeGate(self._camera.decode, self._camera.fps)
        self._clockless = self._container.format.name in CLOCKLESS
        self._opened_s = time.monotonic()
        self._origin_pts = self._stream.start_time
        self._scaler = Scaler()
        self._items = self._read()
        self._first: deque[Item] = deque()
        self.info = self._describe(self._first_picture())

    def _video_stream(self) -> VideoStream:
        streams = self._container.streams
        if streams.video:
            return streams.video[0]
        kinds = " and ".join(sorted({stream.type for stream in streams})) or "nothing"
        raise SourceError(
            f"camera {self._camera.name}: {self._address} has no video in it, only {kinds}"
        )

    def _first_picture(self) -> Picture:
        until_s = self._opened_s + FIRST_PICTURE_S
        for item in self._items:
            self._first.append(item)
            if not isinstance(item, NoPicture):
                return item
            if time.monotonic() > until_s:
                break
        raise SourceError(
            self.ended_early
            or f"camera {self._camera.name}: {self._address}: no picture could be decoded within"
            f" {FIRST_PICTURE_S:g} s ({self._stream.codec_context.name})"
        )

    def _describe(self, first: Picture) -> SourceInfo:
        if max(first.width, first.height) > MAX_SIDE_PX:
            raise SourceError(
                f"camera {self._camera.name}: {self._address} is {first.width}x{first.height};"
                f" no side may be over {MAX_SIDE_PX}"
            )
        kind = self._container.format.name
        length_s = None if kind == "rtsp" else _length_s(self._container)
        codec = self._stream.codec_context.name
        device = device_of(self._stream, self._hardware)
        fps = nominal_fps(self._stream, timed=length_s is not None)
        return SourceInfo(
            description=f"{codec}{device} {first.width}x{first.height} at {fps:.3g} frames/s",
            width=first.width,
            height=first.height,
            nominal_fps=fps,
            live=length_s is None,
            bursts=kind == "hls" and length_s is None,
            length_s=length_s,
        )

    def pictures(self) -> Iterator[Item]:
        """See `Source.pictures`."""
        while self._first:
            yield self._first.popleft()
        yield from self._items
        if self.info.live and self.ended_early is None:
            self.ended_early = f"camera {self._camera.name}: {self._address}: the stream ended"

    def spare(self, fps: float | None) -> None:
        """See `SparingSource`."""
        self._gate.fps = fps

    def _read(self) -> Iterator[Item]:
        try:
            for packet in self._container.demux():
                if packet.stream.index != self._stream.index:
                    yield NothingYet()  # sound, which may go on where pictures don't
                else:
                    yield from self._decode(packet)
        except (av.error.FFmpegError, OSError) as error:
            self.ended_early = reading_failed(
                self._camera.name, self._address, error, self._silence_s
            )

    def _decode(self, packet: Packet[Stream]) -> Iterator[Item]:
        flushes = packet.size == 0 and packet.pts is None and packet.dts is None
        if packet.size == 0 and not flushes:
            return
        if not flushes and not self._gate.wants(
            is_keyframe=packet.is_keyframe, time_s=_seconds(packet.pts, packet)
        ):
            yield Undecoded()
            return
        try:
            frames = self._stream.decode(packet)
            if self._gate.keyframes_only and not flushes:
                frames = [*frames, *self._rest()]
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            yield Undecodable(reason_of(error))
            return
        for frame in frames:
            # Put together from less than all its data: not what the camera saw.
            yield Undecodable("incomplete") if frame.is_corrupt else self._picture(frame)

    def _rest(self) -> list[av.VideoFrame]:
        """Get a lone keyframe out of the decoder, which else waits for pictures after it."""
        frames = self._stream.codec_context.decode(None)
        self._stream.codec_context.flush_buffers()
        return frames

    def _picture(self, frame: av.VideoFrame) -> VideoPicture:
        return VideoPicture(frame, self._media_time(frame), quarter_turns_of(frame), self._scaler)

    def _media_time(self, frame: av.VideoFrame) -> float | None:
        if self._clockless:
            return time.monotonic() - self._opened_s
        if frame.pts is None:
            return None
        if self._origin_pts is None:
            self._origin_pts = frame.pts
        return _seconds(frame.pts - self._origin_pts, frame)

    def close(self) -> None:
        """Leave the stream."""
        # The iterator holds this source, and pictures much memory that Python doesn't know of: else
        # both would stay until its collector comes by.
        self._items = iter(())
        self._first.clear()
        self._container.close()


def _options(camera: CameraConfig, url: str) -> dict[str, str]:
    """Return FFmpeg's options for an address; those that its format doesn't have do no harm."""
    scheme = urlsplit(url).scheme
    options = {"protocol_whitelist": NETWORK_PROTOCOLS, "analyzeduration": str(ANALYSE_US)}
    if scheme in ("https", "rtsps") and camera.tls_verify:
        options |= {"tls_verify": "1", "verifyhost": urlsplit(url).hostname or ""}
        trusted = ssl.get_default_verify_paths()
        options |= {"ca_file": trusted.cafile} if trusted.cafile else {}
    if scheme not in ("rtsp", "rtsps"):
        return options | {"live_start_index": "-1"}
    # The rate is in what RTSP says of its stream: counting frames for it takes seconds.
    return options | {
        "rtsp_transport": camera.transport,
        "allowed_media_types": "video",
        "fpsprobesize": "0",
    }


def _length_s(container: InputContainer) -> float | None:
    return None if container.duration is None else container.duration / av.time_base


def _seconds(ticks: int | None, of: av.VideoFrame | Packet[Stream]) -> float | None:
    if ticks is None or of.time_base is None:
        return None
    return float(ticks * of.time_base)
