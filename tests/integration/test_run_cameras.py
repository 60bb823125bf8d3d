"""A live camera through the whole pipeline."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from camera_servers import RtspServer, needs_rtsp, wait_for
from run_support import Ghostpose

from ghostpose.bus import Bus, EmbeddedServer
from ghostpose.bus.camera_states import read_camera_states

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as started:
        yield started


@needs_rtsp
def test_a_run_begins_with_a_camera_that_is_away_and_poses_resume_by_themselves(
    server: EmbeddedServer,
) -> None:
    with RtspServer({"/live": {}}) as camera, Bus.connect(server.url) as bus:
        camera.kill()
        options = ("--engine", "stub:1", "--height", "64", "--json", "--redis", server.url)
        run = Ghostpose(("run", camera.url("/live"), *options))
        try:
            wait_for(lambda: "live" in read_camera_states(bus), "ingest")
            camera.start()
            wait_for(lambda: bus.counters("live").poses >= 5, "poses")
            camera.kill()
            wait_for(lambda: read_camera_states(bus)["live"].status == "waiting", "waiting")
            before = bus.counters("live").poses
            camera.start()
            took_s = wait_for(lambda: bus.counters("live").poses > before + 5, "poses again")
            assert took_s < 25, "ten seconds, and some for a busy machine"
        finally:
            run.process.send_signal(signal.SIGINT)
        done = run.finish(limit_s=60)
    assert done.code == 0, done.err
    assert done.summary["poses"] > before
    assert done.summary["frames"] == done.summary["poses"] + done.summary["skipped"]


def test_a_live_camera_can_not_be_drawn_afterwards(tmp_path: Path) -> None:
    run = Ghostpose(("run", "rtsp://127.0.0.1:1/x", "--annotate", "--output", str(tmp_path)))
    done = run.finish(limit_s=60)
    assert (done.code, done.out) == (2, "")
    assert "it is live, and --annotate plays recordings a second time" in done.err
