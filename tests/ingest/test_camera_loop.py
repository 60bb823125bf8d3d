"""One camera against a real server and a consumer that commits."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
import redis
from ingest_fakes import Consumer
from waiting import wait_until

from ghostpose.bus import Bus, EmbeddedServer, FramePublisher, Heartbeat, heartbeats
from ghostpose.topics import META_KEY
from ingest import backoff, session
from ingest.loop import run_camera
from ingest.report import CameraReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ghostpose.config import CameraConfig


@pytest.fixture(autouse=True)
def nothing_takes_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera without credit asks again soon, and tells soon what it does."""
    monkeypatch.setattr(session, "LOOK_AGAIN_S", 0.2)
    monkeypatch.setattr(heartbeats, "INTERVAL_S", 0.1)


class Running:
    """`run_camera` in a thread."""

    def __init__(self, camera: CameraConfig, url: str) -> None:
        self.stop = threading.Event()
        self.report: CameraReport | None = None
        self._thread = threading.Thread(target=self._run, args=(camera, url), daemon=True)
        self._thread.start()

    def _run(self, camera: CameraConfig, url: str) -> None:
        self.report = run_camera(camera, url, self.stop)

    def join(self) -> CameraReport:
        self._thread.join(60)
        assert self.report is not None, "the camera's loop ended with a report"
        return self.report


def test_every_frame_of_a_recording_arrives_in_order_with_its_time(
    consumer: Consumer, server: EmbeddedServer, clip: Path, camera: Callable[..., CameraConfig]
) -> None:
    report = run_camera(camera(clip), server.url, threading.Event())
    assert (report.problem, report.exit_code, report.sessions) == (None, 0, 1)
    assert (report.tally.read, report.tally.published, report.tally.skipped) == (240, 240, {})
    consumer.wait_for(lambda: bool(consumer.ends), "the end of the session")
    frames = consumer.frames
    assert [frame.id.seq for frame in frames] == list(range(240))
    assert [frame.info.media_time for frame in frames] == [k / 10 for k in range(240)]
    assert {(f.picture.width, f.picture.height) for f in frames} == {(491, 368)}
    end = consumer.ends[0]
    assert (end.frames_read, end.id.seq, dict(end.skipped)) == (240, 240, {})


def test_live_frames_are_captured_by_the_servers_clock(
    consumer: Consumer,
    server: EmbeddedServer,
    camera: Callable[..., CameraConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a machine whose clock is wrong would have all its frames skipped as stale."""
    monkeypatch.setattr(Bus, "server_time_ms", lambda _: 1000 * round(time.time() + 3600))
    source = "pattern:frames=5&fps=50&width=64&height=48"
    run_camera(camera(source, policy="latest", height=64), server.url, threading.Event())
    consumer.wait_for(lambda: bool(consumer.ends), "the end of the session")
    assert consumer.frames
    for frame in consumer.frames:
        assert frame.info.captured_at == pytest.approx(time.time() + 3600, abs=60)


def test_never_more_frames_are_in_flight_than_the_credit_says(
    consumer: Consumer, server: EmbeddedServer, camera: Callable[..., CameraConfig]
) -> None:
    consumer.paused.set()
    source = "pattern:frames=30&fps=10&width=64&height=48"
    running = Running(camera(source, credit=3, height=64), server.url)
    with Bus.connect(server.url) as bus:
        wait_until(lambda: bus.counters("cam").in_flight == 3, "three frames in flight")
        threading.Event().wait(0.5)
        assert bus.counters("cam").in_flight == 3
    consumer.paused.clear()
    assert running.join().tally.published == 30


def test_a_live_camera_skips_what_nobody_takes_and_counts_it(
    consumer: Consumer, server: EmbeddedServer, camera: Callable[..., CameraConfig]
) -> None:
    consumer.paused.set()
    source = "pattern:frames=60&fps=50&width=64&height=48"
    running = Running(camera(source, policy="latest", credit=2, height=64), server.url)
    with Bus.connect(server.url) as bus:
        wait_until(lambda: bus.counters("cam").in_flight == 2, "two frames in flight")
    threading.Event().wait(0.5)
    consumer.paused.clear()
    tally = running.join().tally
    assert tally.read == 60
    assert tally.in_hand == 0
    assert tally.skipped["overwritten"] >= 5
    consumer.wait_for(lambda: bool(consumer.ends), "the end of the session")
    assert len(consumer.frames) == tally.published
    times = [frame.info.media_time for frame in consumer.frames]
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(59 / 50)


def test_stopping_ends_the_session_and_every_frame_is_accounted_for(
    consumer: Consumer, server: EmbeddedServer, camera: Callable[..., CameraConfig]
) -> None:
    running = Running(camera("pattern:width=64&height=48", height=64), server.url)
    consumer.wait_for(lambda: len(consumer.frames) >= 5, "five frames")
    running.stop.set()
    report = running.join()
    consumer.wait_for(lambda: bool(consumer.ends), "the end of the session")
    end = consumer.ends[0]
    assert report.problem is None
    assert end.frames_read == report.tally.read == end.id.seq + sum(end.skipped.values())
    assert set(end.skipped) <= {"shutdown"}


def test_a_cut_off_file_gives_its_frames_and_then_its_sentence(
    consumer: Consumer,
    server: EmbeddedServer,
    remux: Callable[..., Path],
    camera: Callable[..., CameraConfig],
) -> None:
    path = remux("cut.mp4", movflags="faststart")
    path.write_bytes(path.read_bytes()[:500_000])
    report = run_camera(camera(path), server.url, threading.Event())
    assert report.exit_code == 2
    assert "cut off: its header says 240 frames" in (report.problem or "")
    assert report.tally.published > 50
    consumer.wait_for(lambda: bool(consumer.ends), "the end of the session")
    assert len(consumer.frames) == report.tally.published


def test_a_source_that_does_not_open_is_a_report_not_a_crash(
    server: EmbeddedServer, camera: Callable[..., CameraConfig]
) -> None:
    report = run_camera(camera("/nowhere.mp4"), server.url, threading.Event())
    assert report == CameraReport(
        "cam", problem="camera cam: there is no file /nowhere.mp4", exit_code=2
    )


def test_a_server_that_loses_its_memory_gets_the_recording_again_in_a_new_session(
    bus: Bus, server: EmbeddedServer, camera: Callable[..., CameraConfig]
) -> None:
    running = Running(
        camera("pattern:frames=40&width=64&height=48", height=64, credit=8), server.url
    )
    wait_until(lambda: bus.counters("cam").in_flight == 8, "eight frames in flight")
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
    wait_until(lambda: bus.counters("cam").in_flight == 8, "eight frames of the new session")
    with Consumer(server.url) as consumer:
        report = running.join()
        consumer.wait_for(lambda: bool(consumer.ends), "the end of the session")
    assert (report.problem, report.sessions, report.tally.published) == (None, 2, 40)
    assert len({frame.id.session for frame in consumer.frames}) == 1
    assert [frame.id.seq for frame in consumer.frames] == list(range(40))


def test_a_server_that_loses_its_newest_data_gets_the_recording_from_there_in_the_same_session(
    bus: Bus, server: EmbeddedServer, camera: Callable[..., CameraConfig]
) -> None:
    source = "pattern:frames=30&fps=10&width=64&height=48"
    running = Running(camera(source, height=64, credit=8), server.url)
    wait_until(lambda: bus.counters("cam").in_flight == 8, "eight frames in flight")
    frames, cam = bus.keys.frames(bus.keys.partition_of("cam")), bus.keys.camera("cam")
    bus.client.xdel(frames, *[entry_id for entry_id, _ in bus.client.xrange(frames)[5:]])
    bus.client.hset(cam, mapping={"seq": 5, "next": 6, "published": 5})
    with Consumer(server.url) as consumer:
        report = running.join()
        consumer.wait_for(lambda: bool(consumer.ends), "the end of the session")
    assert (report.problem, report.tally.read, report.tally.published) == (None, 30, 30)
    assert len({frame.id.session for frame in consumer.frames}) == 1
    assert [frame.id.seq for frame in consumer.frames] == list(range(30))
    assert [round(10 * f.info.media_time) for f in consumer.frames] == list(range(30))


@pytest.mark.parametrize("policy", ["latest", "every"])
def test_a_server_without_room_slows_or_skips_and_loses_nothing(
    policy: str, camera: Callable[..., CameraConfig]
) -> None:
    """Raw pictures of 0.5 MB, and no consumer until the server is full."""
    source = "pattern:frames=60&fps=50"
    config = camera(source, policy=policy, picture="raw", credit=1000)
    with EmbeddedServer(maxmemory_mb=12) as small, Bus.connect(small.url) as bus:
        bus.client.hset(META_KEY, "budget", 10**9)  # as if others filled the server
        running = Running(config, small.url)
        wait_until(lambda: is_full(bus), "a full server")
        threading.Event().wait(1.0)
        with Consumer(small.url) as consumer:
            report = running.join()
            consumer.wait_for(lambda: bool(consumer.ends), "the end of the session")
    assert report.problem is None
    assert (report.tally.read, report.tally.in_hand) == (60, 0)
    assert len(consumer.frames) == report.tally.published
    assert set(report.tally.skipped) <= ({"full", "overwritten"} if policy == "latest" else set())
    assert ("full" in report.tally.skipped) == (policy == "latest")


def is_full(bus: Bus) -> bool:
    memory = bus.client.info("memory")
    return memory["used_memory"] > memory["maxmemory"] - 600_000


@pytest.mark.parametrize(("policy", "exit_code"), [("latest", 0), ("every", 2)])
def test_a_camera_that_another_process_took_over_stops(
    policy: str,
    exit_code: int,
    consumer: Consumer,
    server: EmbeddedServer,
    camera: Callable[..., CameraConfig],
) -> None:
    running = Running(camera("pattern:width=64&height=48", policy=policy, height=64), server.url)
    consumer.wait_for(lambda: len(consumer.frames) >= 2, "two frames")
    with Bus.connect(server.url) as other:
        FramePublisher(other, "cam").open_session()
        report = running.join()
    assert report.exit_code == exit_code
    assert (report.problem is None) == (policy == "latest")


def test_a_running_camera_says_that_it_lives_and_what_it_has_done(
    consumer: Consumer, server: EmbeddedServer, camera: Callable[..., CameraConfig]
) -> None:
    running = Running(
        camera("pattern:fps=50&width=64&height=48", policy="latest", height=64, fps=25), server.url
    )
    with Bus.connect(server.url) as bus:

        def counted() -> Heartbeat | None:
            """Return a heartbeat with counters: the first come as the camera begins to play."""
            counts = ("published", "skipped_rate")
            found = (b for b in bus.workers() if all(b.load.get(one, 0) > 0 for one in counts))
            return next(found, None)

        beat = wait_until(counted, "a heartbeat with counters")
        assert beat is not None
        assert beat.role == "ingest"
        assert "-cam-" in beat.worker
        assert beat.load["read"] > beat.load["published"]
        assert beat.load["last_seen"] == pytest.approx(time.time(), abs=60)
        running.stop.set()
        running.join()
        assert bus.workers() == []


def test_a_server_that_comes_later_is_waited_for(
    tmp_path: Path, camera: Callable[..., CameraConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "STOP_GRACE_S", 0.3)
    running = Running(camera("pattern:frames=3", policy="latest"), f"unix://{tmp_path}/none.sock")
    threading.Event().wait(0.3)
    assert running.report is None, "still waiting"
    running.stop.set()
    report = running.join()
    assert report.exit_code == 2
    assert "camera cam: " in (report.problem or "")
