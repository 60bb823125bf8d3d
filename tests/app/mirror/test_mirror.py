"""The mirror between a real server and a real broker that comes, goes, hangs and refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import samples
from brokers import MOSQUITTO, Listener, Mirroring, Mosquitto, wait_until
from bus_servers import free_ports
from roles import Pipeline, make_pipeline

from app.mirror.address import broker_address
from app.mirror.broker import Broker
from app.mirror.messages import Outgoing
from ghostpose.bus.camera_states import forget_camera_state, publish_camera_state
from ghostpose.codec.camera_state import CameraState
from ghostpose.errors import BusUnavailableError
from ghostpose.types import FrameId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ghostpose.bus import Bus, EmbeddedServer

ROOT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.skipif(MOSQUITTO is None, reason="there is no mosquitto (Debian: mosquitto)"),
]


@pytest.fixture(autouse=True)
def nothing_is_told_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done every few seconds is done several times a second: these tests wait for it."""
    monkeypatch.setattr("ghostpose.bus.heartbeats.INTERVAL_S", 0.1)
    monkeypatch.setattr("app.mirror.loop.STATES_EVERY_S", 0.1)
    monkeypatch.setattr("app.mirror.broker.RETRY_S", (0.1, 0.5))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as running:
        yield running


@pytest.fixture
def mirror(
    server: EmbeddedServer, bus: Bus, broker: Mosquitto
) -> Iterator[Callable[..., Mirroring]]:
    """Run mirrors; each call starts one, and returns it once the broker knows it."""
    with ExitStack() as stack:

        def start(**settings: object) -> Mirroring:
            url = f"mqtt://127.0.0.1:{broker.port}"
            started = stack.enter_context(Mirroring(server, url, **settings))
            wait_until(
                lambda: any(w.role == "mirror" and w.load["connected"] for w in bus.workers()),
                "the mirror's connection",
            )
            return started

        yield start


def load(bus: Bus) -> dict[str, float]:
    """Return what the mirror says of itself; one that stood still for long has to say it anew."""
    return wait_until(
        lambda: next((dict(w.load) for w in bus.workers() if w.role == "mirror"), None),
        "the mirror's word",
    )


def play(pipeline: Pipeline, frames: int = 1) -> None:
    for _ in range(frames):
        pipeline.publish()
        pipeline.infer()
        pipeline.commit()


def play_and_hear(pipeline: Pipeline, listener: Listener, frames: int) -> None:
    """Play a session, and wait until all its poses and an event came."""
    play(pipeline, frames)
    pipeline.publisher.end(frames_read=frames, skipped={})
    pipeline.commit()
    wait_until(lambda: len(listener.of("ghostpose/lobby/poses")) == frames, "all poses")
    wait_until(lambda: bool(listener.of("ghostpose/lobby/events")), "an event")


def test_poses_and_events_come_as_the_streams_have_them(mirror, broker, pipeline) -> None:
    mirror()
    with Listener(broker.port) as listener:
        play_and_hear(pipeline, listener, 3)
    assert [json.loads(p) for p in listener.of("ghostpose/lobby/poses")] == pipeline.poses()
    assert json.loads(listener.of("ghostpose/lobby/events")[-1])["kind"] == "session_end"
    assert listener.last("ghostpose/lobby/people") == b"1"


def state(status: str, **changes: object) -> CameraState:
    return CameraState("lobby", status, 1.0, "w", "host", 1, **changes)  # type: ignore[arg-type]


def test_a_cameras_state_is_retained_until_the_camera_is_no_more(mirror, broker, bus) -> None:
    publish_camera_state(bus, state("playing"))
    mirror(discovery="homeassistant")
    topic, found = "ghostpose/lobby/state", "homeassistant/sensor/ghostpose_lobby/people/config"
    with Listener(broker.port) as first:
        wait_until(lambda: first.last(topic) is not None, "the camera's state")
        wait_until(lambda: first.last(found) is not None, "the device")
    with Listener(broker.port) as late:
        wait_until(lambda: late.last(topic) is not None, "a retained state")
        assert json.loads(late.last(topic) or b"{}")["status"] == "playing"
        publish_camera_state(bus, state("playing"))  # who says nothing for long is gone
        play(make_pipeline(bus, "lobby"), 1)
        wait_until(lambda: late.last("ghostpose/lobby/people") == b"1", "a person")
        publish_camera_state(bus, state("waiting", problem="nothing answers there"))
        wait_until(lambda: b"waiting" in (late.last(topic) or b""), "the change")
        wait_until(lambda: late.last("ghostpose/lobby/people") == b"", "nobody knows how many")
        forget_camera_state(bus, "lobby")
        wait_until(lambda: late.last(topic) == b"" == late.last(found), "its removal")


def test_a_mirror_that_is_stopped_says_so_and_one_that_dies_is_said_to(
    mirror, broker, server, tmp_path
) -> None:
    url = f"mqtt://127.0.0.1:{broker.port}"
    with Listener(broker.port) as listener:
        stop = mirror().stop
        wait_until(lambda: listener.last("ghostpose/status") == b"online", "its start")
        stop.set()
        wait_until(lambda: listener.last("ghostpose/status") == b"offline", "its end")
        command = (sys.executable, "-m", "app.cli.main", "mirror", url, "--topic", "other")
        process = subprocess.Popen([*command, "--redis", server.url], cwd=ROOT)
        wait_until(lambda: listener.last("other/status") == b"online", "the other's start")
        process.kill()
        process.wait()
        wait_until(lambda: listener.last("other/status") == b"offline", "its last will")


def test_a_broker_that_is_down_loses_poses_by_number_and_nothing_waits(
    mirror, broker, pipeline, bus
) -> None:
    publish_camera_state(bus, state("playing"))
    mirror()
    with Listener(broker.port) as listener:
        play(pipeline, 2)
        wait_until(lambda: len(listener.of("ghostpose/lobby/poses")) == 2, "two poses")
    broker.stop()
    wait_until(lambda: load(bus)["connected"] == 0, "its loss")
    play(pipeline, 5)
    assert pipeline.committed_seqs() == list(range(7)), "the pipeline has not noticed"
    wait_until(lambda: load(bus)["dropped"] == 5, "five drops")
    broker.start()
    with Listener(broker.port) as listener:
        # The broker has forgotten everything; what is retained is told it again.
        wait_until(lambda: listener.last("ghostpose/lobby/state") is not None, "the state")
        wait_until(lambda: listener.last("ghostpose/status") == b"online", "the mirror's word")
        play(pipeline, 1)
        wait_until(lambda: bool(listener.of("ghostpose/lobby/poses")), "poses again")
    assert json.loads(listener.of("ghostpose/lobby/poses")[0])["seq"] == 7


def test_events_wait_for_a_broker_that_is_down(mirror, broker, pipeline, bus) -> None:
    mirror()
    broker.stop()
    wait_until(lambda: load(bus)["connected"] == 0, "its loss")
    play(pipeline, 1)
    pipeline.publisher.end(frames_read=1, skipped={})
    pipeline.commit()
    wait_until(lambda: load(bus)["dropped"] == 1, "the pose's drop")
    broker.start()
    with Listener(broker.port) as listener:
        wait_until(lambda: bool(listener.of("ghostpose/lobby/events")), "the event")
    assert json.loads(listener.of("ghostpose/lobby/events")[-1])["kind"] == "session_end"


def test_a_broker_that_hangs_bounds_what_is_on_the_way(
    mirror, broker, bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.mirror.broker.ON_THE_WAY", 20)
    monkeypatch.setattr("app.mirror.broker.KEEPALIVE_S", 600)  # else it would be given up for gone
    running = mirror()
    broker.hang()
    crowd = make_pipeline(bus, "crowd", credit=100)
    many, people = 200, samples.pose(FrameId("crowd", 1, 0, 1), people=100).people
    monkeypatch.setattr(
        "roles.samples.pose",
        lambda frame, _make=samples.pose: replace(_make(frame), people=people),
    )
    play(crowd, many)  # 15 MB: more than the sockets between hold
    wait_until(lambda: load(bus)["dropped"] > 0, "a drop")
    assert len(crowd.committed_seqs()) == many
    wait_until(lambda: load(bus)["dropped"] + load(bus)["sent"] >= many, "all being dealt with")
    running.stop.set()
    running.join(60)
    assert not running.is_alive(), "it waits for the broker"


def test_only_chosen_cameras_are_mirrored_and_no_faster_than_said(mirror, broker, bus) -> None:
    mirror(cameras=("lobby",), rate=0.001)
    with Listener(broker.port) as listener:
        for name in ("door", "lobby"):
            play(make_pipeline(bus, name), 3)
        lobby = make_pipeline(bus, "lobby")
        lobby.publisher.end(frames_read=0, skipped={})
        lobby.commit()
        wait_until(
            lambda: any(b"session_end" in e for e in listener.of("ghostpose/lobby/events")),
            "the last event",
        )
    assert len(listener.of("ghostpose/lobby/poses")) == 1
    assert not any("door" in message.topic for message in listener.messages)


def test_a_server_that_restarts_is_waited_for(mirror, broker, server, bus, pipeline) -> None:
    mirror()
    with Listener(broker.port) as listener:
        play(pipeline, 1)
        wait_until(lambda: bool(listener.of("ghostpose/lobby/poses")), "a pose")
        server.restart()
        again = make_pipeline(bus, "lobby")
        play(again, 1)
        wait_until(
            lambda: (
                str(again.publisher.session).encode()
                in (listener.last("ghostpose/lobby/poses") or b"")
            ),
            "the new session's pose",
        )


def test_what_was_read_is_told_though_the_server_fails_right_after(
    mirror, broker, pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Bus) -> None:
        raise BusUnavailableError("away")

    monkeypatch.setattr("app.mirror.loop.read_camera_states", fails)
    monkeypatch.setattr("app.mirror.loop.STATES_EVERY_S", 0)
    mirror()
    with Listener(broker.port) as listener:
        play_and_hear(pipeline, listener, 1)


def test_more_events_than_can_wait_are_dropped_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.mirror.broker.EVENTS_WAITING", 5)
    (port,) = free_ports(1)
    with Broker(broker_address(f"mqtt://127.0.0.1:{port}"), "ghostpose/status") as nobody:
        for number in range(20):
            event = Outgoing("ghostpose/hall/events", str(number).encode(), important=True)
            nobody.send(event)
        assert (nobody.sent, nobody.dropped) == (5, 15)


def test_retained_messages_beyond_what_a_slow_broker_takes_at_once_are_told_later(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.mirror.broker.ON_THE_WAY", 5)
    topics = [f"ghostpose/{number}/people" for number in range(30)]

    def say(payload: bytes, **how: bool) -> None:
        mirror.send(*(Outgoing(topic, payload, retained=True, **how) for topic in topics))

    def is_told(payload: bytes) -> bool:
        mirror.tend()
        return all(listener.last(topic) == payload for topic in topics)

    url = f"mqtt://127.0.0.1:{broker.port}"
    with Broker(broker_address(url), "ghostpose/status") as mirror:
        say(b"1")
        with Listener(broker.port) as listener:
            wait_until(lambda: is_told(b"1"), "everything after the connecting")
            broker.hang()
            say(b"2")
            broker.go_on()
            wait_until(lambda: is_told(b"2"), "all that changed")
        broker.stop()
        wait_until(lambda: not mirror.load()["connected"], "its loss")
        broker.start()
        with Listener(broker.port) as listener:
            wait_until(lambda: is_told(b"2"), "everything again")
            say(b"", last=True)
            wait_until(lambda: is_told(b""), "their removal")
            assert not set(topics) & set(mirror._retained), "they would be told for ever"
        assert mirror.dropped == 0


@pytest.mark.usefixtures("bus")
def test_a_password_is_needed_and_given(
    server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "me", "right"], check=True)
    monkeypatch.setenv("MQTT_PASSWORD", "right")
    with Mosquitto(tmp_path, f"password_file {passwords}") as broker:
        place = f"127.0.0.1:{broker.port}"
        with Mirroring(server, f"mqtt://me:wrong@{place}"):
            wait_until(lambda: "it refuses the connection" in caplog.text, "the refusal")
        with (
            Mirroring(server, f"mqtt://me:${{env:MQTT_PASSWORD}}@{place}"),
            Listener(broker.port, "me", "right") as listener,
        ):
            wait_until(lambda: listener.last("ghostpose/status") == b"online", "its word")
    assert "right" not in caplog.text
    assert "wrong" not in caplog.text


@pytest.mark.usefixtures("bus")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
def test_a_broker_with_tls_is_trusted_by_its_certificate_alone(
    server, tmp_path: Path, caplog
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-keyout", str(key), "-out", str(certificate), *subject],
        check=True, capture_output=True,
    )  # fmt: skip
    lines = (f"certfile {certificate}", f"keyfile {key}")
    with Mosquitto(tmp_path, *lines) as broker:
        url = f"mqtts://127.0.0.1:{broker.port}"
        with Mirroring(server, url):
            wait_until(lambda: "not with a trusted certificate" in caplog.text, "the distrust")
        caplog.set_level("INFO")
        with Mirroring(server, url, ca=certificate):
            wait_until(lambda: "connected to the broker" in caplog.text, "it connects")


@contextmanager
def running(broker: Mosquitto, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a camera that has no end, mirrored, until something of it was seen."""
    camera = {"name": "hall", "source": "pattern:fps=10", "height": 64}
    site, poses = folder / "site.yaml", folder / "poses.jsonl"
    site.write_text(
        json.dumps({"cameras": [camera], "mirror": {"url": f"mqtt://127.0.0.1:{broker.port}"}})
    )
    command = (sys.executable, "-m", "app.cli.main", "run", "--config", str(site))
    options = ("--engine", "stub:1", "--json", "--output", str(folder))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*command, *options], cwd=ROOT, text=True, **pipes) as process:
        try:
            wait_until(lambda: poses.exists() and poses.stat().st_size > 0, "a pose")
            yield process
        finally:
            process.kill()


def ended_well(run: subprocess.Popen[str]) -> bool:
    """Stop a run; return whether it ended as it should."""
    run.terminate()
    said, problems = run.communicate(timeout=60)
    assert run.returncode == 0, problems
    return bool(json.loads(said.splitlines()[-1])["poses"] > 0)


def test_a_run_mirrors_what_it_finds(broker: Mosquitto, tmp_path: Path) -> None:
    with Listener(broker.port) as listener, running(broker, tmp_path) as run:

        def session() -> int:
            told = json.loads(listener.last("ghostpose/hall/state") or b"{}")
            return told.get("session", 0)

        wait_until(lambda: bool(listener.of("ghostpose/hall/poses")), "poses")
        wait_until(lambda: session() > 0, "its session")
        assert ended_well(run)
        wait_until(lambda: listener.last("ghostpose/status") == b"offline", "its end")


def test_a_run_ends_well_without_a_broker(broker: Mosquitto, tmp_path: Path) -> None:
    broker.stop()
    with running(broker, tmp_path) as run:
        assert run.stderr is not None
        assert any("is away, poses are dropped" in line for line in run.stderr)
        assert ended_well(run)
