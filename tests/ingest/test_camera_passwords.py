"""A camera that asks for a password: it is found where its address says, and shown nowhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from camera_servers import RtspServer, needs_rtsp
from ingest_fakes import Consumer, command_lines
from waiting import wait_until

from app.camera_list import read_cameras
from ghostpose.bus import Bus, Registry
from ghostpose.bus.camera_states import read_camera_states
from ghostpose.config import CameraConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ghostpose.bus import EmbeddedServer

pytestmark = [needs_rtsp, pytest.mark.timeout(180)]

PASSWORD = "p@ss/w0rd:?#%é Zx"
MOUNTS = {"/live": {"kind": "video"}}


@pytest.fixture
def locked() -> Iterator[RtspServer]:
    """Serve one camera that asks for `admin` and `PASSWORD`."""
    with RtspServer(MOUNTS, user="admin", password=PASSWORD) as camera:
        yield camera


@contextmanager
def ingest(url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `ghostpose ingest --registry`, which says all it can."""
    command = [sys.executable, "-m", "app.cli.main", "--log-level", "debug", "ingest"]
    environment = os.environ | {"DOOR_PASSWORD": PASSWORD}
    with (
        log.open("wb") as written,
        subprocess.Popen(
            [*command, "--registry", "--redis", url], env=environment, stderr=written
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def all_that_is_shown(bus: Bus, url: str, log: Path) -> bytes:
    """Return log, command lines, the registry's listing and everything on the server."""
    # The camera itself, which only the tests have, is told its password there.
    lines = [line for line in command_lines() if b"rtsp_server.py" not in line]
    listed = json.dumps([camera.as_json() for camera in read_cameras(url)]).encode()
    kept = [bus.client.dump(key) or b"" for key in bus.client.scan_iter()]
    return b"\n".join([log.read_bytes(), listed, *lines, *kept])


def forms_of(password: str) -> list[bytes]:
    """Return how a password could be written."""
    escaped = json.dumps(password)[1:-1]
    return [password.encode(), quote(password, safe="").encode(), escaped.encode()]


def test_a_password_of_the_environment_opens_the_camera_and_is_shown_nowhere(
    consumer: Consumer, bus: Bus, server: EmbeddedServer, locked: RtspServer, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    source = locked.url("/live", "admin:${env:DOOR_PASSWORD}@")
    Registry(bus).add(CameraConfig(name="door", source=source, height=64))
    with ingest(server.url, log) as process:
        consumer.wait_for(lambda: len(consumer.frames) > 3, "frames of the door", 60)
        locked.kill()  # what is said of a camera that breaks
        wait_until(lambda: b"door: " in log.read_bytes(), "a word about it", limit_s=60)
        shown = all_that_is_shown(bus, server.url, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert b"DOOR_PASSWORD" in shown, "the reference is no secret"
    for form in forms_of(PASSWORD):
        assert form not in shown + log.read_bytes()


def test_a_wrong_password_is_told_and_a_right_one_in_its_file_is_taken_without_a_restart(
    consumer: Consumer, bus: Bus, server: EmbeddedServer, locked: RtspServer, tmp_path: Path
) -> None:
    log, secret = tmp_path / "log", tmp_path / "door"
    secret.write_text("wr0ng-0ne")
    source = locked.url("/live", f"admin:${{file:{secret}}}@")
    Registry(bus).add(CameraConfig(name="door", source=source, height=64))

    def problem() -> str:
        state = read_camera_states(bus).get("door")
        return "" if state is None or state.problem is None else state.problem

    with ingest(server.url, log) as process:
        wait_until(lambda: "refuses the user and password" in problem(), "the refusal", limit_s=60)
        secret.write_text(PASSWORD)
        consumer.wait_for(lambda: len(consumer.frames) > 3, "frames of the door", 90)
        shown = all_that_is_shown(bus, server.url, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert b"wr0ng-0ne" not in shown
    for form in forms_of(PASSWORD):
        assert form not in shown
