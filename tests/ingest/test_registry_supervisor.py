"""The registry's cameras come, change and go while an ingest process plays them."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from ingest_fakes import Consumer, command_lines
from registry_ingest import ENDLESS, Ingest, add, change, holders, sessions, wait_for_frames
from waiting import wait_until

from ghostpose.bus import Bus, Registry
from ghostpose.bus.camera_leases import read_camera_leases
from ghostpose.bus.camera_states import read_camera_states
from ghostpose.errors import RegistryError
from ghostpose.rules import ZoneConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ghostpose.bus import EmbeddedServer

pytestmark = pytest.mark.timeout(180)


def test_cameras_come_and_go_while_ingest_runs(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    ingest = start()
    add(bus, "door")
    wait_for_frames(consumer, "door")
    add(bus, "hall")
    wait_for_frames(consumer, "door", "hall")
    change(bus, "hall", paused=True)
    consumer.wait_for(lambda: len(consumer.ends) == 1, "the end of the hall's session")
    wait_until(lambda: holders(bus).keys() == {"door"}, "giving the hall back")
    change(bus, "hall", paused=False)
    wait_for_frames(consumer, "hall")
    Registry(bus).remove("door", Registry(bus).get("door").revision)
    consumer.wait_for(lambda: len(consumer.ends) == 2, "the end of the door's session")
    wait_until(lambda: "door" not in read_camera_leases(bus), "forgetting the door's lease")
    wait_for_frames(consumer, "hall")
    assert ingest.stop() == 0
    consumer.wait_for(lambda: len(consumer.ends) == 3, "the end of all sessions")
    assert holders(bus) == {}


def test_how_pictures_are_prepared_changes_within_the_session(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    start()
    add(bus, "door")
    wait_for_frames(consumer, "door")
    assert consumer.frames[-1].picture.height == 64
    change(bus, "door", height=96, region=(8, 8, 32, 32), mirror=True)
    consumer.wait_for(lambda: consumer.frames[-1].picture.height == 96, "higher pictures")
    assert consumer.frames[-1].info.placement.left == 8
    assert consumer.frames[-1].picture.width == 96
    wait_for_frames(consumer, "door")
    (session,) = sessions(consumer, "door")
    seqs = [frame.id.seq for frame in consumer.frames if frame.id.session == session]
    assert seqs == list(range(len(seqs))), "nothing is lost on the way"


def test_other_settings_begin_a_new_session_by_themselves(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    start()
    add(bus, "door")
    add(bus, "hall")
    wait_for_frames(consumer, "door", "hall")
    change(bus, "door", fps=2, credit=2)
    consumer.wait_for(lambda: len(sessions(consumer, "door")) == 2, "a new session")
    wait_for_frames(consumer, "door", "hall")
    assert len(sessions(consumer, "hall")) == 1
    newest = [
        f.info.media_time
        for f in consumer.frames
        if f.id.session == max(sessions(consumer, "door"))
    ]
    assert all(b - a > 0.4 for a, b in itertools.pairwise(newest))


def test_a_region_outside_the_picture_is_told_and_put_right_again(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    start()
    add(bus, "door")
    wait_for_frames(consumer, "door")
    change(bus, "door", region=(0, 0, 640, 480))

    def is_told() -> bool:
        state = read_camera_states(bus).get("door")
        return state is not None and "region 0,0 640x480 is not inside" in (state.problem or "")

    wait_until(is_told, "the camera's problem")
    change(bus, "door", region=(0, 0, 32, 32))
    consumer.wait_for(lambda: consumer.frames[-1].picture.width == 64, "a square of the picture")


def test_new_zones_take_effect_without_a_new_session(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    start()
    add(bus, "door")
    wait_for_frames(consumer, "door")
    zone = ZoneConfig(name="till", polygon=((0, 0), (60, 0), (60, 40)))
    change(bus, "door", zones=(zone,))
    rules = bus.keys.camera("door")
    wait_until(lambda: b"till" in bus.client.hget(rules, "rules"), "the zone on the server")
    change(bus, "door", zones=(), fps=5.0)
    consumer.wait_for(lambda: len(sessions(consumer, "door")) == 2, "a session at another rate")
    assert bus.client.hget(rules, "rules") == b""
    assert len(consumer.ends) == 1


def test_a_crashed_camera_is_started_again_by_the_same_ingest(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    start()
    add(bus, "door")
    wait_for_frames(consumer, "door")
    (pid,) = wait_until(
        lambda: [beat.pid for beat in bus.workers() if "-door-" in beat.worker], "its heartbeat"
    )
    owner = holders(bus)["door"]
    os.kill(pid, signal.SIGKILL)
    consumer.wait_for(lambda: len(sessions(consumer, "door")) == 2, "a new session")
    assert holders(bus)["door"] == owner


def test_what_was_played_to_its_end_is_not_played_again_until_it_is_changed(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    start()
    revision = add(bus, "clip", source=f"{ENDLESS}&frames=5", policy="every")
    consumer.wait_for(lambda: len(consumer.ends) == 1, "the end of the clip")
    wait_until(lambda: Registry(bus).read().ended == {"clip": revision}, "a note of the end")
    wait_until(lambda: holders(bus) == {}, "giving it back")
    add(bus, "other")
    wait_for_frames(consumer, "other")
    assert len(sessions(consumer, "clip")) == 1
    change(bus, "clip", height=96)
    consumer.wait_for(lambda: len(consumer.ends) == 2, "its end once more")


def test_a_server_that_lost_its_memory_gets_its_cameras_back(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    start()
    add(bus, "door")
    add(bus, "attic", paused=True, source="rtsp://a:pw@h/")
    wait_for_frames(consumer, "door")

    consumer.stop()  # its leases are among what is lost
    bus.client.flushall()

    def is_back() -> bool:
        try:
            return Registry(bus).get("door").settings.height == 64
        except RegistryError:
            return False

    wait_until(is_back, "the registry's return")
    assert Registry(bus).read(passwords=True).playable("attic").source == "rtsp://a:pw@h/"
    wait_until(lambda: holders(bus).keys() == {"door"}, "a lease of the door")
    wait_until(lambda: bus.counters("door").published > 0, "frames on the emptied server")


def test_a_password_is_on_no_command_line_in_no_log_and_in_no_state(
    consumer: Consumer, bus: Bus, tmp_path: Any, server: EmbeddedServer
) -> None:
    secret = "s3cr3t-w0rd"
    add(bus, "door", source=f"rtsp://admin:{secret}@127.0.0.1:9/live")
    add(bus, "hall")
    log = tmp_path / "log"
    command = [sys.executable, "-m", "app.cli.main", "--log-level", "debug", "ingest"]
    with (
        log.open("wb") as written,
        running([*command, "--registry", "--redis", server.url], written) as process,
    ):
        wait_for_frames(consumer, "hall")
        wait_until(lambda: b"camera door: " in log.read_bytes(), "what is wrong with the door")
        shown = b"\n".join(command_lines())
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert secret.encode() not in log.read_bytes() + shown
    for key in bus.client.scan_iter():
        if not key.endswith(b":sources"):
            assert secret.encode() not in (bus.client.dump(key) or b""), key


@contextmanager
def running(command: list[str], written: Any) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=written, stderr=written) as process:
        try:
            yield process
        finally:
            process.kill()
