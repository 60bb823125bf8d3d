"""Ingest processes that share the registry's cameras, started, killed and stopped for real."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from ingest_fakes import Consumer, command_lines, wait_until

from ghostpose.bus import Bus, Registry
from ghostpose.bus.camera_leases import read_camera_leases
from ghostpose.bus.camera_states import read_camera_states
from ghostpose.config import CameraConfig
from ghostpose.errors import RegistryError
from ghostpose.rules import ZoneConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ghostpose.bus import EmbeddedServer

pytestmark = pytest.mark.timeout(180)

ENDLESS = "pattern:width=64&height=48&fps=10"

PROGRAM = """
import sys
from app.stopping import stop_event
from ingest.registry_supervisor import run_registry_ingest

if __name__ == "__main__":
    run_registry_ingest(sys.argv[1], stop_event())
"""


class Ingest:
    """A program that plays its share of the registry, in a process group of its own."""

    def __init__(self, script: str, url: str) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self.process = subprocess.Popen(
            [sys.executable, script, url], env=environment, start_new_session=True
        )

    def kill_all(self) -> None:
        """As if the machine lost its power: the supervisor and all its children at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture
def start(tmp_path: Any, server: EmbeddedServer) -> Iterator[Callable[[], Ingest]]:
    script = tmp_path / "shared_ingest.py"
    script.write_text(PROGRAM)
    started: list[Ingest] = []

    def one() -> Ingest:
        started.append(Ingest(str(script), server.url))
        return started[-1]

    yield one
    for ingest in started:
        if ingest.process.poll() is None:
            ingest.kill_all()


def add(bus: Bus, name: str, **settings: Any) -> int:
    camera = CameraConfig(name=name, **{"source": ENDLESS, "height": 64, **settings})
    return Registry(bus).add(camera)


def change(bus: Bus, name: str, **settings: Any) -> None:
    row = Registry(bus).get(name)
    Registry(bus).change(row.settings.model_copy(update=settings), row.revision)


def holders(bus: Bus) -> dict[str, str]:
    now_ms = bus.server_time_ms()
    leases = read_camera_leases(bus).items()
    return {name: lease.owner for name, lease in leases if lease.until_ms > now_ms}


def sessions(consumer: Consumer, name: str) -> list[int]:
    return sorted({f.id.session for f in consumer.frames if f.id.camera == name})


def wait_for_frames(consumer: Consumer, *names: str, limit_s: float = 40.0) -> None:
    """Wait until three more frames of each have come."""
    seen = len(consumer.frames)

    def all_have() -> bool:
        new = [frame.id.camera for frame in consumer.frames[seen:]]
        return all(new.count(name) >= 3 for name in names)

    consumer.wait_for(all_have, f"three frames of each of {names}", limit_s)


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

    wait_until(is_told, "the camera's problem", 40)
    change(bus, "door", region=(0, 0, 32, 32))
    wait_for_frames(consumer, "door")
    assert consumer.frames[-1].picture.width == 64


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


def test_the_cameras_of_a_machine_that_dies_are_played_elsewhere_within_15_seconds(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    first, names = start(), [f"cam-{k}" for k in range(4)]
    for name in names:
        add(bus, name)
    wait_for_frames(consumer, *names)
    start()
    wait_until(lambda: len(set(holders(bus).values())) == 2, "sharing between two", 60)
    wait_for_frames(consumer, *names)
    of_first = [n for n, owner in holders(bus).items() if f"-{first.process.pid}-" in owner]
    before = {name: sessions(consumer, name)[-1] for name in of_first}
    assert 0 < len(of_first) < 4

    first.kill_all()
    killed_s = time.monotonic()
    consumer.wait_for(
        lambda: all(sessions(consumer, name)[-1] > before[name] for name in of_first),
        "new sessions of the dead machine's cameras",
    )
    assert time.monotonic() - killed_s < 15
    wait_for_frames(consumer, *names)


def test_what_a_camera_takes_of_the_processor_is_measured_and_kept_in_its_lease(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    ingest = start()
    add(bus, "small")
    add(bus, "large", source="pattern:width=1280&height=720&fps=25", height=720)

    def costs() -> dict[str, float]:
        return {name: lease.cost for name, lease in read_camera_leases(bus).items()}

    wait_until(lambda: len(costs()) == 2 and min(costs().values()) > 0, "both costs", 60)
    wait_until(lambda: costs()["large"] > 2 * costs()["small"], "the larger one's cost", 60)
    known = costs()
    assert ingest.stop() == 0
    assert costs()["large"] == pytest.approx(known["large"], rel=0.5), "the next one begins with it"


def test_a_stopped_ingest_gives_its_cameras_to_others_at_once(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    first = start()
    add(bus, "door")
    wait_for_frames(consumer, "door")
    start()
    wait_until(
        lambda: len([b for b in bus.workers() if b.role == "supervisor"]) == 2, "a second ingest"
    )
    (session,) = sessions(consumer, "door")
    assert first.stop() == 0
    stopped_s = time.monotonic()
    consumer.wait_for(lambda: sessions(consumer, "door")[-1] > session, "a new session")
    assert time.monotonic() - stopped_s < 5, "that is less than the lease lasts"
    assert [end.id.session for end in consumer.ends] == [session], "the old one ended in order"


def test_a_paused_ingest_loses_its_camera_and_never_plays_it_beside_the_other(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    first = start()
    add(bus, "door")
    wait_for_frames(consumer, "door")
    second = start()
    wait_until(
        lambda: len([b for b in bus.workers() if b.role == "supervisor"]) == 2, "a second ingest"
    )
    os.killpg(first.process.pid, signal.SIGSTOP)
    wait_until(
        lambda: f"-{second.process.pid}-" in holders(bus).get("door", ""), "the other takes over"
    )
    consumer.wait_for(lambda: len(sessions(consumer, "door")) == 2, "a new session")
    os.killpg(first.process.pid, signal.SIGCONT)
    wait_for_frames(consumer, "door")
    newest = sessions(consumer, "door")[-1]
    came = [frame.id.session for frame in consumer.frames if frame.id.camera == "door"]
    assert came == sorted(came), "nothing of the old session after the new one began"
    assert came[-1] == newest


def play_havoc(running: list[Ingest], start: Callable[[], Ingest], rng: random.Random) -> None:
    """Do something to one of the ingest processes; there are at most three."""
    alive = [ingest for ingest in running if ingest.process.poll() is None]
    what = rng.choice(["kill", "pause", "go on", "stop", "start", "start"])
    if what == "start" or not alive:
        if len(alive) < 3:
            running.append(start())
        return
    victim = rng.choice(alive)
    if what == "kill":
        victim.kill_all()
    elif what == "stop":
        victim.process.send_signal(signal.SIGTERM)
    else:
        number = signal.SIGSTOP if what == "pause" else signal.SIGCONT
        os.killpg(victim.process.pid, number)


def test_whatever_happens_sessions_never_mix_and_all_cameras_are_played_in_the_end(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    names, rng, running = [f"cam-{k}" for k in range(4)], random.Random(5), [start(), start()]
    for name in names:
        add(bus, name)
    wait_for_frames(consumer, *names)
    for _ in range(10):
        play_havoc(running, start, rng)
        time.sleep(rng.uniform(0.5, 3.0))  # not a wait for anything, but the time between two blows
    for ingest in running:
        if ingest.process.poll() is None:
            os.killpg(ingest.process.pid, signal.SIGCONT)
    running.append(start())
    wait_for_frames(consumer, *names, limit_s=60)
    for name in names:
        came = [(f.id.session, f.id.seq) for f in consumer.frames if f.id.camera == name]
        assert came == sorted(set(came))
        for session in sessions(consumer, name):
            seqs = [seq for owner, seq in came if owner == session]
            assert seqs == list(range(len(seqs)))


def test_a_crashed_camera_is_started_again_by_the_same_ingest(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    start()
    add(bus, "door")
    wait_for_frames(consumer, "door")
    (pid,) = [beat.pid for beat in bus.workers() if "-door-" in beat.worker]
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

    def lose_memory() -> None:
        bus.client.flushall()

    lose_memory()

    def is_back() -> bool:
        try:
            return Registry(bus).get("door").settings.height == 64
        except RegistryError:
            return False

    wait_until(is_back, "the registry's return")
    assert Registry(bus).read().playable("attic").source == "rtsp://a:pw@h/"
    wait_until(lambda: holders(bus).keys() == {"door"}, "a lease of the door")
    wait_until(lambda: bus.counters("door").published > 0, "frames on the emptied server")


def test_a_camera_of_another_host_is_not_played_here(
    consumer: Consumer, bus: Bus, start: Callable[[], Ingest]
) -> None:
    start()
    add(bus, "usb", host="elsewhere")
    add(bus, "door")
    wait_for_frames(consumer, "door")
    assert holders(bus).keys() == {"door"}
    change(bus, "door", host="elsewhere")
    wait_until(lambda: holders(bus) == {}, "giving the door back")


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
        assert process.wait(30) == 0
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
