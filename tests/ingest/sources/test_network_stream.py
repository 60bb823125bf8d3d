"""Streams of real servers, and what is said of those that are none."""

from __future__ import annotations

import gc
import logging
import os
import weakref
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from camera_servers import (
    HttpServer,
    RtspServer,
    file_route,
    misbehaving_port,
    needs_rtsp,
    unused_port,
)
from ingest_fakes import turn_clockwise
from waiting import wait_until

from ghostpose.errors import CredentialsError, SourceError
from ingest.sources import NoPicture, open_source, stream
from ingest.sources.hardware import accelerator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from ghostpose.config import CameraConfig
    from ingest.sources import Item, Picture, Source

    MakeCamera = Callable[..., CameraConfig]

PASSWORD = "s3cret-w0rd"


@pytest.fixture(scope="module")
def rtsp() -> Iterator[RtspServer]:
    mounts = {
        "/live": {},
        "/rare": {"fps": 20, "keyframes": 5},
        "/sizes": {"sizes": [[320, 240], [480, 360]], "size_s": 1},
        "/lossy": {"loss": 0.1, "bitrate": 1500},
        "/sound": {"kind": "sound"},
    }
    with RtspServer(mounts) as server:
        yield server


@pytest.fixture(autouse=True)
def a_busy_machine_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "OPEN_S", 60.0)


def opened(camera: CameraConfig) -> Source:
    """Open a stream; a server answers 5xx while it still ends what was played before."""

    def source() -> Source | None:
        try:
            return open_source(camera)
        except SourceError as error:
            if "5xx" not in str(error):
                raise
            return None

    return wait_until(source, "a stream")


def read(camera: CameraConfig, count: int) -> list[Item]:
    source = opened(camera)
    try:
        return list(islice(source.pictures(), count))
    finally:
        source.close()


def pictures(items: list[Item]) -> list[Picture]:
    return [item for item in items if not isinstance(item, NoPicture)]


def sentence_of(camera: CameraConfig) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(camera)
    text = str(caught.value)
    assert text.startswith("camera cam: ")
    assert "\n" not in text
    return text


@needs_rtsp
def test_an_rtsp_stream_comes_with_its_own_times_and_describes_itself(
    rtsp: RtspServer, camera: MakeCamera
) -> None:
    source = opened(camera(rtsp.url("/live")))
    try:
        assert source.info.live
        assert not source.info.bursts
        assert source.info.description == "h264 320x240 at 10 frames/s"
        times = [p.media_time for p in pictures(list(islice(source.pictures(), 15)))]
    finally:
        source.close()
    steps = np.diff([t for t in times[2:] if t is not None])
    assert steps == pytest.approx(0.1, abs=0.001)


@needs_rtsp
def test_a_stream_may_change_its_size(rtsp: RtspServer, camera: MakeCamera) -> None:
    source = opened(camera(rtsp.url("/sizes")))
    sizes = set()
    try:
        for item in islice(source.pictures(), 80):
            if not isinstance(item, NoPicture):
                sizes.add((item.width, item.height))
                assert item.pixels(64, 48).shape == (48, 64, 3)
            if len(sizes) == 2:
                break
    finally:
        source.close()
    assert sizes == {(320, 240), (480, 360)}


@needs_rtsp
def test_over_udp_lost_packets_cost_pictures_and_not_the_stream(
    rtsp: RtspServer, camera: MakeCamera
) -> None:
    items = read(camera(rtsp.url("/lossy"), transport="udp"), 40)
    given = pictures(items)
    assert len(given) >= 10
    assert not any(p.frame.is_corrupt for p in given)  # type: ignore[attr-defined]
    times = [p.media_time for p in given if p.media_time is not None]
    assert times == sorted(times)
    assert round(10 * (times[-1] - times[0])) + 1 > len(times), "some are missing"


@needs_rtsp
def test_at_a_low_rate_only_keyframes_are_decoded(rtsp: RtspServer, camera: MakeCamera) -> None:
    items = read(camera(rtsp.url("/rare"), decode="keyframes"), 26)
    given = [not isinstance(item, NoPicture) for item in items]
    assert 5 <= sum(given) <= 7, "each fifth one, at once, not when the next one comes"
    times = [p.media_time for p in pictures(items) if p.media_time]
    assert np.diff(times) == pytest.approx(0.25, abs=0.01)


@needs_rtsp
def test_the_mode_is_chosen_by_the_rate_wanted(rtsp: RtspServer, camera: MakeCamera) -> None:
    few = read(camera(rtsp.url("/rare"), fps=4), 40)
    assert sum(isinstance(item, NoPicture) for item in few[-15:]) >= 10
    many = read(camera(rtsp.url("/rare"), fps=8), 40)
    assert not any(isinstance(item, NoPicture) for item in many)


@needs_rtsp
def test_a_stream_of_sound_alone_is_said_to_be_that(rtsp: RtspServer, camera: MakeCamera) -> None:
    def said() -> str | None:
        """A busy server answers 5xx while it can't prepare the sound, or is still ending a try."""
        text = sentence_of(camera(rtsp.url("/sound")))
        return None if "5xx" in text else text

    assert wait_until(said, "a stream").endswith("/sound has no video in it, only audio")


@needs_rtsp
def test_a_stream_of_no_pictures_is_given_up(
    camera: MakeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "OPEN_S", 0.5)
    with RtspServer({"/mute": {"kind": "mute"}}) as server:
        text = sentence_of(camera(server.url("/mute")))
    assert text.endswith("/mute: no stream came within 0.5 s")


def test_a_stream_that_never_has_a_keyframe_is_given_up(
    camera: MakeCamera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "FIRST_PICTURE_S", 0.5)
    path = encoded(tmp_path / "live.h264", "h264", seconds=30)
    units = path.read_bytes().split(b"\0\0\1")
    parts = [unit for unit in units if unit and unit[0] & 31 != 5]  # all but keyframes

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(b"\0\0\1" + b"\0\0\1".join(parts))

    with HttpServer({"/live.h264": endless}) as server:
        text = sentence_of(camera(f"{server.url}/live.h264"))
    assert "/live.h264: " in text


@needs_rtsp
def test_a_wrong_path_is_said_to_be_that(rtsp: RtspServer, camera: MakeCamera) -> None:
    assert "there is nothing at this path" in sentence_of(camera(rtsp.url("/nothing")))


@needs_rtsp
def test_a_wrong_password_is_refused_without_being_shown_and_the_right_one_plays(
    camera: MakeCamera, caplog: pytest.LogCaptureFixture
) -> None:
    with RtspServer({"/live": {}}, user="admin", password="right") as server:
        wrong = camera(server.url("/live", f"admin:{PASSWORD}@"))
        with pytest.raises(CredentialsError) as caught, caplog.at_level(logging.DEBUG):
            open_source(wrong)
        assert "refuses the user and password" in str(caught.value)
        assert caught.value.__cause__ is None
        assert PASSWORD not in str(caught.value) + caplog.text
        assert len(pictures(read(camera(server.url("/live", "admin:right@")), 3))) > 0


def test_nothing_listening_is_said_to_be_that(camera: MakeCamera) -> None:
    with unused_port() as nobody:
        text = sentence_of(camera(f"rtsp://127.0.0.1:{nobody}/live"))
    assert text.endswith("nothing listens at this host and port")


def test_a_host_that_is_none_is_said_to_be_that(camera: MakeCamera) -> None:
    assert "host" in sentence_of(camera("rtsp://no-such-camera.invalid/live"))


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
@pytest.mark.parametrize("says", [os.urandom(4096), b"SSH-2.0-OpenSSH\r\n", b""])
def test_garbage_on_the_port_is_no_stream(scheme: str, says: bytes, camera: MakeCamera) -> None:
    with misbehaving_port(says) as port:
        text = sentence_of(camera(f"{scheme}://127.0.0.1:{port}/live"))
    assert f"{scheme}://127.0.0.1:{port}/live: " in text


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_port_that_never_answers_is_given_up(
    scheme: str, camera: MakeCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "OPEN_S", 0.5)
    with misbehaving_port(None) as port:
        text = sentence_of(camera(f"{scheme}://127.0.0.1:{port}/live"))
    assert text.endswith("no stream came within 0.5 s")


@pytest.mark.parametrize(
    "source", ["rtsp://", "http:///x", "rtsp://host:99999/", "rtsp://[::1/", "snapshot:ftp://h/"]
)
def test_an_address_that_is_none_is_one_sentence(source: str, camera: MakeCamera) -> None:
    assert "wanted" in sentence_of(camera(source))


def encoded(path: Path, form: str, *, seconds: int = 3, **options: str) -> Path:
    """Write noise at 10 frames a second, a keyframe a second."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", format=form, options=options) as out:
        video: Any = out.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.gop_size = 10
        for k in range(10 * seconds):
            image = rng.integers(0, 256, (48, 64, 3)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.time_base, frame.pts = Fraction(1, 10), k
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


def test_a_recording_that_a_web_server_has_plays_once_and_ends(
    camera: MakeCamera, tmp_path: Path
) -> None:
    path = encoded(tmp_path / "clip.mp4", "mp4")
    with HttpServer({"/clip.mp4": file_route(path, "video/mp4")}) as server:
        source = open_source(camera(f"{server.url}/clip.mp4"))
        try:
            assert not source.info.live
            assert source.info.length_s == pytest.approx(3, abs=0.2)
            assert len(pictures(list(source.pictures()))) == 30
            assert source.ended_early is None
        finally:
            source.close()


def test_pictures_are_turned_as_the_stream_says(camera: MakeCamera, tmp_path: Path) -> None:
    path = encoded(tmp_path / "clip.mp4", "mp4")
    turn_clockwise(path)
    with HttpServer({"/clip.mp4": file_route(path, "video/mp4")}) as server:
        source = open_source(camera(f"{server.url}/clip.mp4"))
        assert (source.info.width, source.info.height) == (48, 64)
        (picture,) = islice(source.pictures(), 1)
        source.close()
    assert picture.pixels(48, 64).shape == (64, 48, 3)  # type: ignore[union-attr]


def test_a_stream_without_a_length_should_not_have_ended(
    camera: MakeCamera, tmp_path: Path
) -> None:
    path = encoded(tmp_path / "live.ts", "mpegts")

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "video/mp2t")
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(path.read_bytes())

    with HttpServer({"/live.ts": endless}) as server:
        source = open_source(camera(f"{server.url}/live.ts"))
        try:
            assert source.info.live
            assert len(pictures(list(source.pictures()))) >= 28
            assert source.ended_early is not None
            assert "/live.ts: the stream " in source.ended_early
        finally:
            source.close()


def test_hls_comes_in_bursts_that_are_to_be_played_by_their_times(
    camera: MakeCamera, tmp_path: Path
) -> None:
    encoded(tmp_path / "live.m3u8", "hls", seconds=9, hls_time="3", hls_list_size="0")
    playlist = (tmp_path / "live.m3u8").read_bytes()
    assert playlist.count(b".ts") >= 3
    going_on = playlist.replace(b"#EXT-X-ENDLIST", b"")
    routes: dict[str, Any] = {
        f"/{path.name}": file_route(path, "video/mp2t") for path in tmp_path.glob("*.ts")
    }
    routes["/live.m3u8"] = lambda _: (200, {"Content-Type": "application/x-mpegurl"}, going_on)
    routes["/done.m3u8"] = lambda _: (200, {"Content-Type": "application/x-mpegurl"}, playlist)
    with HttpServer(routes) as server:
        source = open_source(camera(f"{server.url}/live.m3u8"))
        assert (source.info.live, source.info.bursts) == (True, True)
        assert len(pictures(list(islice(source.pictures(), 3)))) == 3
        source.close()
        source = open_source(camera(f"{server.url}/done.m3u8"))
        assert (source.info.live, source.info.bursts) == (False, False)
        source.close()


def test_a_play_list_can_not_make_it_read_files_of_this_machine(
    camera: MakeCamera, tmp_path: Path
) -> None:
    secret = encoded(tmp_path / "secret.ts", "mpegts")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    routes = {"/list.m3u8": lambda _: (200, {}, playlist.encode())}
    with HttpServer(routes) as server:
        sentence_of(camera(f"{server.url}/list.m3u8"))


def test_a_device_that_is_not_there_is_said_once_and_software_decodes(
    camera: MakeCamera, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    accelerator.cache_clear()
    path = encoded(tmp_path / "clip.mp4", "mp4")
    with HttpServer({"/clip.mp4": file_route(path, "video/mp4")}) as server:
        for _ in range(3):
            config = camera(f"{server.url}/clip.mp4", hardware="no_such_device")
            assert len(pictures(read(config, 30))) == 30
    assert caplog.text.count("decodes in software") == 1
    accelerator.cache_clear()


@pytest.mark.parametrize("served", [True, False], ids=["stream", "file"])
def test_what_is_closed_is_freed_at_once_and_not_when_the_collector_comes_by(
    served: bool, camera: MakeCamera, tmp_path: Path
) -> None:
    path = encoded(tmp_path / "clip.mp4", "mp4")
    with HttpServer({"/clip.mp4": file_route(path, "video/mp4")}) as server:
        source = open_source(camera(f"{server.url}/clip.mp4" if served else path))
        next(source.pictures())
        freed = weakref.ref(source)
        gc.disable()
        try:
            source.close()
            del source
            assert freed() is None
        finally:
            gc.enable()
