"""Cameras added, changed and removed by the command line while a whole deployment runs."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
from run_support import Ghostpose, ghostpose, wait_until
from typer.testing import CliRunner
from waiting import PATIENT_S

from app.cli.main import app
from app.registry import is_played
from ghostpose.bus import Bus, EmbeddedServer
from ghostpose.client import PoseReader, PoseRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

PATTERN = "pattern:width=64&height=48&fps=10"


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as started:
        yield started


class Deployment:
    """All roles on one server, and its registry by the command line."""

    def __init__(self, server: EmbeddedServer, *ingest: str) -> None:
        self.redis = ("--redis", server.url)
        self.processes = [
            Ghostpose(("ingest", "--registry", *ingest, *self.redis)),
            Ghostpose(("infer", "--engine", "stub:0", *self.redis)),
            Ghostpose(("postprocess", *self.redis)),
        ]

    def cameras(self, *arguments: str) -> str:
        done = CliRunner().invoke(app, ["cameras", *arguments, *self.redis])
        assert (done.exit_code, done.stderr, done.exception) == (0, "", None), arguments
        return done.stdout

    def status(self) -> dict[str, str]:
        listed: list[dict[str, Any]] = json.loads(self.cameras("list", "--json"))
        return {camera["name"]: camera["status"] for camera in listed}

    def stop(self) -> None:
        for process in self.processes:
            process.process.send_signal(signal.SIGTERM)
        for process in self.processes:
            done = process.finish(limit_s=60)
            # On a busy machine a lease may run out now and then, which is said and mended.
            assert done.code == 0, (process.arguments, done.err)
            assert "Traceback" not in done.err

    def kill(self) -> None:
        for process in self.processes:
            process.process.kill()


@pytest.fixture
def deployment(server: EmbeddedServer) -> Iterator[Deployment]:
    running = Deployment(server)
    yield running
    running.kill()


def wait_for_poses(server: EmbeddedServer, camera: str, count: int = 3) -> PoseRecord:
    """Wait for so many new pose messages of a camera; return the last."""
    with Bus.connect(server.url) as bus:
        wait_until(lambda: camera in bus.cameras())
        poses: list[PoseRecord] = []
        with PoseReader(server.url, [camera], start="now", timeout_s=PATIENT_S) as reader:

            def come() -> bool:
                records = reader.read(block_s=0.2)
                poses.extend(record for record in records if isinstance(record, PoseRecord))
                return len(poses) >= count

            wait_until(come)
    return poses[-1]


def test_cameras_come_change_and_go_without_a_restart(
    server: EmbeddedServer, deployment: Deployment
) -> None:
    with Bus.connect(server.url) as bus:
        wait_until(lambda: is_played(bus))
    assert deployment.cameras("add", "door", PATTERN, "height=64") == "door is added\n"
    first = wait_for_poses(server, "door")
    wait_until(lambda: deployment.status() == {"door": "playing"})

    deployment.cameras("add", "hall", PATTERN, "height=64", "fps=5")
    wait_for_poses(server, "hall")
    deployment.cameras("pause", "hall")
    with Bus.connect(server.url) as bus:
        wait_until(lambda: bus.counters("hall").sessions_ended == 1)
    wait_until(lambda: deployment.status() == {"door": "playing", "hall": "paused"})
    deployment.cameras("set", "door", "height=96", "region=8,8,32,32")
    assert wait_for_poses(server, "door").message.session == first.message.session

    deployment.cameras("resume", "hall")
    wait_for_poses(server, "hall")
    deployment.cameras("remove", "door")
    with Bus.connect(server.url) as bus:
        wait_until(lambda: bus.counters("door").sessions_ended == 1)
    wait_until(lambda: deployment.status() == {"hall": "playing"})
    deployment.stop()


def test_the_cameras_of_a_file_are_put_into_a_new_registry_once(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(f"cameras:\n- {{name: door, source: '{PATTERN}', height: 64}}\n")
    for expected in ({"door"}, set()):
        deployment = Deployment(server, "--config", str(site))
        try:
            with Bus.connect(server.url) as bus:
                wait_until(lambda: any(beat.role == "supervisor" for beat in bus.workers()))
            assert deployment.status().keys() == expected
            if expected:
                wait_for_poses(server, "door")
                deployment.cameras("remove", "door")
            deployment.stop()
        finally:
            deployment.kill()


@pytest.mark.parametrize("mixed", [("clip.mp4",), ("--height", "576"), ("--loop",)])
def test_sources_and_settings_are_not_mixed_with_the_registry(mixed: tuple[str, ...]) -> None:
    done = ghostpose("ingest", *mixed, "--registry")
    assert done.code == 2
    assert "--registry plays the registry's cameras as they are set there" in done.err
