"""Live cameras through outages: on a real bus, with real RTSP and HTTP servers."""

from __future__ import annotations

import logging
import statistics
import threading
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from camera_servers import HttpServer, RtspServer, misbehaving_port, needs_rtsp, wait_for
from waiting import running_time

from ghostpose.bus.camera_states import read_camera_states
from ingest.loop import run_camera
from ingest.sources import stream
from ingest.supervisor import run_ingest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.server import BaseHTTPRequestHandler

    from camera_servers import Answer
    from ingest_fakes import Consumer

    from ghostpose.bus import Bus, EmbeddedServer
    from ghostpose.codec.camera_state import CameraState
    from ghostpose.config import CameraConfig
    from ingest.report import CameraReport

    MakeCamera = Callable[..., CameraConfig]

PASSWORD = "s3cret-w0rd"


class Live:
    """A live camera that plays in a thread, with what comes of it."""

    def __init__(self, config: CameraConfig, bus: Bus, url: str, consumer: Consumer) -> None:
        self.bus, self.consumer = bus, consumer
        self.stop, self.report = threading.Event(), None
        self.thread = threading.Thread(target=self._run, args=(config, url), daemon=True)
        self.thread.start()

    def _run(self, config: CameraConfig, url: str) -> None:
        self.report: CameraReport | None = run_camera(config, url, self.stop)

    @property
    def state(self) -> CameraState | None:
        return read_camera_states(self.bus).get("cam")

    def is_(self, status: str, problem: str = "") -> bool:
        state = self.state
        return state is not None and state.status == status and problem in (state.problem or "")

    def new_frames(self, count: int = 3) -> None:
        """Wait for so many more frames."""
        self.frames(len(self.consumer.frames) + count)

    def frames(self, count: int) -> None:
        """Wait until so many have come."""
        wait_for(lambda: len(self.consumer.frames) >= count, f"{count} frames")

    @property
    def sessions(self) -> int:
        return len({frame.id.session for frame in self.consumer.frames})

    def end(self) -> CameraReport:
        """Stop it; every frame must be accounted for, in each session and over all."""
        self.stop.set()
        self.thread.join(60)
        assert self.report is not None, "it stops in time"
        state = self.state
        assert state is not None
        assert state.status == "ended"
        assert state.counts.in_hand == 0
        wait_for(
            lambda: sum(end.frames_read for end in self.consumer.ends) == state.counts.read,
            "the end of each session",
        )
        assert sum(end.id.seq for end in self.consumer.ends) == state.counts.published
        assert state.counts.published == len(self.consumer.frames)
        return self.report


@pytest.fixture
def live(
    bus: Bus, server: EmbeddedServer, consumer: Consumer, camera: MakeCamera
) -> Iterator[Callable[..., Live]]:
    started: list[Live] = []

    def start(source: str, **options: object) -> Live:
        config = camera(source, **{"policy": "latest", "height": 64, **options})
        started.append(Live(config, bus, server.url, consumer))
        return started[-1]

    yield start
    for one in started:  # which the test, having failed, may have left to the next one
        one.stop.set()
        one.thread.join(60)


@needs_rtsp
def test_a_camera_that_comes_back_plays_again_by_itself_in_a_new_session(
    live: Callable[..., Live], caplog: pytest.LogCaptureFixture
) -> None:
    with RtspServer({"/live": {}}) as server, caplog.at_level(logging.INFO):
        playing = live(server.url("/live"))
        playing.new_frames()
        server.kill()
        wait_for(lambda: playing.is_("waiting", "nothing listens"), "waiting")
        with running_time() as running_s:
            server.start()
            playing.new_frames()
            assert running_s() < 12, "ten seconds, and a busy machine's two"
        assert caplog.text.count("nothing listens") == 1, "said once an outage"
    wait_for(lambda: playing.is_("waiting"), "waiting again")
    state = playing.state
    assert state is not None
    assert state.counts.reconnects >= 2
    assert playing.sessions == 2
    report = playing.end()
    assert report.problem is None
    assert "plays again" in caplog.text
    media = [(frame.id.session, frame.info.media_time) for frame in playing.consumer.frames]
    assert media == sorted(set(media))


@needs_rtsp
def test_a_server_that_hangs_is_noticed_and_played_again_when_it_goes_on(
    live: Callable[..., Live],
) -> None:
    with RtspServer({"/live": {}}) as server:
        playing = live(server.url("/live"), silence_s=2)
        playing.new_frames()
        server.pause()
        wait_for(lambda: playing.is_("waiting", "nothing came for "), "noticing")
        server.go_on()
        playing.new_frames()
        wait_for(lambda: playing.is_("playing", "camera cam: "), "the problem beside the status")
        assert playing.end().sessions >= 2


@needs_rtsp
def test_a_wrong_password_then_the_right_one(
    live: Callable[..., Live], bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"user": "admin", "password": "another"}
    with RtspServer({"/live": {}}, **options) as server, caplog.at_level(logging.DEBUG):
        playing = live(server.url("/live", f"admin:{PASSWORD}@"))
        wait_for(lambda: playing.is_("waiting", "refuses the user and password"), "refusal")
        assert playing.sessions == 0
        server.kill()
        server.start(password=PASSWORD)
        playing.new_frames()
        playing.end()
    assert PASSWORD not in caplog.text
    everything = b"".join(
        bus.client.dump(key) or b"" for key in bus.client.scan_iter() if b"frames" not in key
    )
    assert PASSWORD.encode() not in everything


@needs_rtsp
def test_a_stream_that_changes_its_size_goes_on_in_its_session(
    live: Callable[..., Live],
) -> None:
    with RtspServer({"/live": {"sizes": [[320, 240], [480, 240]], "size_s": 1}}) as server:
        playing = live(server.url("/live"))

        def sizes() -> set[tuple[int, int]]:
            infos = [frame.info for frame in playing.consumer.frames]
            return {(info.width, info.height) for info in infos}

        wait_for(lambda: len(sizes()) == 2, "both sizes")
        playing.end()
    decode_ms = statistics.median(frame.info.decode_ms for frame in playing.consumer.frames)
    assert decode_ms < 90, "without the 100 ms that the camera takes for each"
    for frame in playing.consumer.frames:
        info, picture = frame.info, frame.picture
        assert picture.width * info.placement.scale_x == pytest.approx(info.width)
        assert picture.height * info.placement.scale_y == pytest.approx(info.height)
    assert playing.sessions == 1


@needs_rtsp
def test_a_size_that_the_region_is_not_inside_is_said_and_tried_again(
    live: Callable[..., Live],
) -> None:
    with RtspServer({"/live": {"sizes": [[320, 240], [160, 120]], "size_s": 1}}) as server:
        playing = live(server.url("/live"), region=(0, 0, 320, 240))
        wait_for(lambda: playing.is_("waiting", "is not inside its 160x120 picture"), "refusal")
        playing.new_frames()
        playing.end()


@needs_rtsp
def test_a_frozen_picture_is_a_state_and_never_passed_off_as_frames(
    live: Callable[..., Live],
) -> None:
    with RtspServer({"/live": {"pattern": "smpte75"}}) as server:
        playing = live(server.url("/live"), frozen_s=1)
        wait_for(lambda: playing.is_("frozen"), "freezing")
        wait_for(lambda: playing.bus.counters("cam").in_flight == 0, "the frames before")
        before = len(playing.consumer.frames)
        wait_for(lambda: playing.is_("waiting", "the same picture came for "), "reopening")
        wait_for(lambda: playing.is_("frozen"), "still frozen")
        assert len(playing.consumer.frames) == before
        playing.end()
    state = playing.state
    assert state is not None
    assert state.counts.skipped["frozen"] > 0


@needs_rtsp
def test_blank_pictures_are_never_frames(live: Callable[..., Live]) -> None:
    with RtspServer({"/live": {"pattern": "black"}}) as server:
        playing = live(server.url("/live"))
        wait_for(
            lambda: (
                (state := playing.state) is not None and state.counts.skipped.get("blank", 0) >= 5
            ),
            "blank pictures",
        )
        playing.end()
    assert playing.consumer.frames == []


@pytest.mark.parametrize("says", [b"\x00\xff" * 999, None], ids=["garbage", "silence"])
def test_a_stop_is_not_held_up_by_a_server_that_never_answers(
    says: bytes | None, live: Callable[..., Live], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "OPEN_S", 600.0)
    with misbehaving_port(says) as port:
        playing = live(f"rtsp://127.0.0.1:{port}/live")
        wait_for(lambda: playing.state is not None, "a state")
        with running_time() as running_s:
            playing.stop.set()
            playing.thread.join(60)
            assert playing.report is not None
            assert running_s() < 5


def test_a_snapshot_that_never_changes_is_frozen_and_goes_on_when_it_does(
    live: Callable[..., Live],
) -> None:
    scene = np.random.default_rng(0).integers(0, 256, (2, 96, 128, 3)).astype(np.uint8)
    bodies = [cv2.imencode(".jpg", image)[1].tobytes() for image in scene]

    def newest(_: BaseHTTPRequestHandler) -> Answer:
        return 200, {}, bodies[0]

    with HttpServer({"/now.jpg": newest}) as server:
        playing = live(f"snapshot:{server.url}/now.jpg", fps=20, frozen_s=1)
        wait_for(lambda: playing.is_("frozen"), "freezing")
        playing.frames(1)
        assert len(playing.consumer.frames) == 1
        bodies.reverse()
        playing.frames(2)
        playing.end()


def test_a_recording_that_a_web_server_has_ends_and_says_so(
    live: Callable[..., Live], make_video: Callable[..., object]
) -> None:
    from camera_servers import file_route

    path = make_video("clip.mp4", frames=20, fps=20)
    with HttpServer({"/clip.mp4": file_route(path, "video/mp4")}) as server:  # type: ignore[arg-type]
        playing = live(f"{server.url}/clip.mp4")
        wait_for(lambda: playing.is_("ended", "is a recording, which came to its end"), "its end")
        report = playing.end()
    assert (report.problem, report.exit_code, report.sessions) == (None, 0, 1)
    assert report.tally.read == 20


@needs_rtsp
def test_bad_cameras_are_one_sentence_each_and_slow_no_other(
    consumer: Consumer, bus: Bus, server: EmbeddedServer, camera: MakeCamera
) -> None:
    """Each in a process of its own, as `ghostpose ingest` runs them."""
    mounts = {"/live": {}, "/sound": {"kind": "sound"}}
    with (
        RtspServer(mounts) as rtsp,
        RtspServer(mounts, user="admin", password="right") as guarded,
        misbehaving_port(b"\x00garbage\xff" * 300) as garbage,
    ):
        bad = {
            "path": (rtsp.url("/nothing"), "there is nothing at this path"),
            "sound": (rtsp.url("/sound"), "has no video in it, only audio"),
            "refused": (guarded.url("/live", f"admin:{PASSWORD}@"), "refuses the user"),
            "garbage": (f"rtsp://127.0.0.1:{garbage}/x", f"127.0.0.1:{garbage}/x: "),
            "unknown": ("rtsp://no-such-camera.invalid/x", "host"),
            "device": ("/dev/video97", "is it plugged in?"),
        }
        urls = {"good": rtsp.url("/live")} | {name: url for name, (url, _) in bad.items()}
        cameras = [camera(url, name=name, policy="latest", height=64) for name, url in urls.items()]
        stop = threading.Event()
        arguments = (server.url, cameras, stop)
        ingest = threading.Thread(target=run_ingest, args=arguments, daemon=True)
        ingest.start()

        def said(name: str, sentence: str) -> bool:
            state = read_camera_states(bus).get(name)
            return state is not None and sentence in (state.problem or "")

        for name, (_, sentence) in bad.items():
            wait_for(lambda name=name, sentence=sentence: said(name, sentence), name)
        before = len(consumer.frames)
        wait_for(lambda: len(consumer.frames) >= before + 20, "frames of the good one")
        captured = [frame.info.captured_at for frame in consumer.frames[before:]]
        between_s = statistics.median(later - one for one, later in pairwise(captured))
        assert between_s < 0.5, "0.1 s, and some for a busy machine"
        states = read_camera_states(bus)
        stop.set()
        ingest.join(60)
    assert not ingest.is_alive()
    assert {frame.id.camera for frame in consumer.frames} == {"good"}
    assert states["good"].status == "playing"
    others = {state.status for name, state in states.items() if name != "good"}
    assert others <= {"opening", "waiting"}, "none of them is given up"
    assert all("\n" not in (state.problem or "") for state in states.values())
    assert PASSWORD not in str(states)
