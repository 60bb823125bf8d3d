"""A live camera through the whole pipeline, and what is said of one that is none."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from camera_servers import RtspServer, misbehaving_port, needs_rtsp, wait_for
from run_support import Ghostpose

from ghostpose.bus import Bus, EmbeddedServer
from ghostpose.bus.camera_states import read_camera_states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

PASSWORD = "s3cret-w0rd"


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as started:
        yield started


@pytest.fixture
def roles(
    server: EmbeddedServer, tmp_path: Path
) -> Iterator[Callable[[dict[str, str]], Ghostpose]]:
    """Start every role; return ingest, which is to play the cameras given."""
    redis = ("--redis", server.url)
    running = [
        Ghostpose(("infer", *redis, "--engine", "stub:1")),
        Ghostpose(("postprocess", *redis)),
    ]

    def start(cameras: dict[str, str]) -> None:
        site = tmp_path / "site.yaml"
        rows = [{"name": name, "source": url, "height": 64} for name, url in cameras.items()]
        site.write_text(json.dumps({"cameras": rows}))
        running.append(Ghostpose(("ingest", "--config", str(site), *redis)))

    yield start
    for process in running:
        process.process.send_signal(signal.SIGTERM)
    for process in running:
        done = process.finish(limit_s=30)
        assert done.code == 0, process.arguments
        assert PASSWORD not in done.out + done.err


@needs_rtsp
def test_poses_resume_by_themselves_when_a_camera_comes_back(
    server: EmbeddedServer, roles: Callable[[dict[str, str]], None]
) -> None:
    with RtspServer({"/live": {}}) as camera, Bus.connect(server.url) as bus:
        roles({"gate": camera.url("/live")})
        wait_for(lambda: bus.counters("gate").poses >= 5, "poses", 60)
        camera.kill()
        wait_for(lambda: read_camera_states(bus)["gate"].status == "waiting", "waiting")
        before = bus.counters("gate")
        camera.start()
        took_s = wait_for(lambda: bus.counters("gate").poses > before.poses, "poses again", 60)
        assert took_s < 15, "ten seconds, and some for a busy machine"
        wait_for(lambda: bus.counters("gate").sessions_ended == 1, "the end of the first session")


@needs_rtsp
def test_a_run_begins_with_a_camera_that_is_away_and_ends_well(server: EmbeddedServer) -> None:
    with RtspServer({"/live": {}}) as camera, Bus.connect(server.url) as bus:
        camera.kill()
        options = ("--engine", "stub:1", "--height", "64", "--json", "--redis", server.url)
        run = Ghostpose(("run", camera.url("/live"), *options))
        wait_for(lambda: "live" in read_camera_states(bus), "ingest", 60)
        camera.start()
        wait_for(lambda: bus.counters("live").poses >= 5, "poses", 60)
        run.process.send_signal(signal.SIGINT)
        done = run.finish(limit_s=40)
    assert done.code == 0, done.err
    assert done.summary["poses"] >= 5
    assert done.summary["frames"] == done.summary["poses"] + done.summary["skipped"]


def test_a_live_camera_can_not_be_drawn_afterwards(tmp_path: Path) -> None:
    run = Ghostpose(("run", "rtsp://127.0.0.1:1/x", "--annotate", "--output", str(tmp_path)))
    done = run.finish(limit_s=40)
    assert (done.code, done.out) == (2, "")
    assert "it is live, and --annotate plays recordings a second time" in done.err


@needs_rtsp
def test_bad_cameras_are_one_sentence_each_and_slow_no_other(
    server: EmbeddedServer, roles: Callable[[dict[str, str]], None]
) -> None:
    mounts = {"/live": {}, "/sound": {"kind": "sound"}}
    with (
        RtspServer(mounts) as camera,
        RtspServer(mounts, user="admin", password="right") as guarded,
        misbehaving_port(b"\x00garbage\xff" * 300) as garbage,
        Bus.connect(server.url) as bus,
    ):
        bad = {
            "path": (camera.url("/nothing"), "there is nothing at this path"),
            "sound": (camera.url("/sound"), "has no video in it, only audio"),
            "refused": (
                guarded.url("/live", f"admin:{PASSWORD}@"),
                "refuses the user and password",
            ),
            "garbage": (f"rtsp://127.0.0.1:{garbage}/x", f"127.0.0.1:{garbage}/x: "),
            "unknown": ("rtsp://no-such-camera.invalid/x", "host"),
            "device": ("device:/dev/video97", "is it plugged in?"),
        }
        roles({"good": camera.url("/live")} | {name: url for name, (url, _) in bad.items()})

        def said(name: str, sentence: str) -> bool:
            state = read_camera_states(bus).get(name)
            return state is not None and sentence in (state.problem or "")

        for name, (_, sentence) in bad.items():
            wait_for(lambda name=name, sentence=sentence: said(name, sentence), name, 60)
        wait_for(lambda: bus.counters("good").poses >= 20, "poses of the good one", 60)
        states = read_camera_states(bus)
        assert states["good"].status == "playing"
        assert all("\n" not in (state.problem or "") for state in states.values())
        assert PASSWORD not in str(states)
