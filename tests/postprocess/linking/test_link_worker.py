"""The role that links, against a real server: told on both cameras, once, over restarts."""

from __future__ import annotations

import json
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
import redis
from jsonschema import Draft7Validator
from scene import LEFT, RIGHT, Way, frames, links, walk
from typer.testing import CliRunner
from waiting import wait_until

from app.cli.main import app
from ghostpose.bus import Bus
from ghostpose.client import PoseReader
from ghostpose.codec.poses import decode_event, encode_event, encode_pose
from ghostpose.codec.schemas import event_schema
from ghostpose.errors import BusUnavailableError
from ghostpose.rules import Rules
from postprocess.linking import run_link
from postprocess.linking.worker import events_of, linked_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.bus import EmbeddedServer
    from ghostpose.types import EventMessage, PoseMessage

CAMERAS = (LEFT, RIGHT)


@pytest.fixture(autouse=True)
def floors_are_looked_for_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postprocess.linking.worker.GROUNDS_EVERY_S", 0.05)


def register(bus: Bus) -> None:
    for camera in CAMERAS:
        rules = Rules(ground=camera.pairs())
        bus.register_camera(camera.name, policy="latest", credit=4, rules=rules)
        bus.client.xadd(bus.keys.events(camera.name), {"d": "{}"})  # as the start of a session


def add(bus: Bus, pose: PoseMessage) -> None:
    bus.client.xadd(bus.keys.poses(pose.camera), {"d": encode_pose(pose), "p": "1"})


def play(bus: Bus, begin: int, end: int, *more: Way) -> None:
    """Write frames `begin` to `end` of somebody, and `more`, who walk through both views."""
    ways = [walk((-2, 2), (2, 2), 8), *more]
    poses = [pose for camera in CAMERAS for pose in frames(camera, ways, 8, 0)]
    for pose in sorted(poses, key=lambda pose: pose.captured_at):
        if begin <= pose.seq < end:
            add(bus, pose)


def told(bus: Bus) -> list[EventMessage]:
    events = []
    for camera in CAMERAS:
        for _, fields in bus.client.xrange(bus.keys.events(camera.name)):
            if fields[b"d"] != b"{}":
                events.append(decode_event(fields[b"d"]))
    return events


until = partial(wait_until, what="what this test waits for", limit_s=60.0)


def link_until(url: str, condition: Callable[[], object]) -> int:
    """Run the role until something holds; return how many links it told."""
    stop, links = threading.Event(), []
    thread = threading.Thread(target=lambda: links.append(run_link(url, stop)))
    thread.start()
    try:
        until(condition)
    finally:
        stop.set()
        thread.join(60)
    return links[0]


def test_a_link_is_told_on_both_cameras_and_after_a_restart_not_again(
    bus: Bus, server: EmbeddedServer
) -> None:
    register(bus)
    play(bus, 0, 45)
    assert link_until(server.url, lambda: len(told(bus)) == 2) == 1
    play(bus, 45, 80)
    stop = threading.Event()
    stop.set()
    with PoseReader(server.url, start="begin") as reader:
        assert len(reader.read(5)) > 150
    assert run_link(server.url, stop) == 0
    events = told(bus)
    for event in events:
        Draft7Validator(event_schema()).validate(json.loads(encode_event(event)))
    left, right = events
    assert (left.camera, right.camera) == ("left", "right")
    assert left.details["track"] == "left-1"
    assert left.details["other"] == {"camera": "right", "session": 7, "track": "right-1"}
    assert left.details["person"] == right.details["person"] == "left-1"
    assert left.details["certainty"] == "probable"


def test_a_server_that_fails_between_keeps_no_camera_unread_and_no_link_untold(
    bus: Bus, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(bus)
    play(bus, 0, 80, walk((2, 3), (-2, 3), 5, begin=3))
    failing = {
        "server_time_ms": [BusUnavailableError("away")],
        "xadd": [redis.ConnectionError("away")],
    }

    def fails_once(owner: type, name: str) -> None:
        once, works = failing[name], getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a, **o: _raised(once) or works(*a, **o))

    fails_once(Bus, "server_time_ms")
    fails_once(redis.Redis, "xadd")
    assert link_until(server.url, lambda: len(told(bus)) == 4) == 2
    assert failing == {"server_time_ms": [], "xadd": []}


def _raised(once: list[Exception]) -> None:
    if once:
        raise once.pop()


def test_a_floor_that_is_given_later_counts_from_then(bus: Bus, server: EmbeddedServer) -> None:
    for camera in CAMERAS:
        bus.register_camera(camera.name, policy="latest", credit=4)
        bus.client.xadd(bus.keys.events(camera.name), {"d": "{}"})
    play(bus, 0, 45)

    def give_it() -> bool:
        for camera in CAMERAS:
            bus.set_rules(camera.name, Rules(ground=camera.pairs()))
        return len(told(bus)) == 2

    assert link_until(server.url, give_it) == 1


def test_what_an_event_says_of_a_link_is_what_is_learned_from_it(bus: Bus) -> None:
    (link,) = links([walk((-2, 2), (2, 2), 5)], 5)
    one, other = (linked_by(event) for event in events_of(link))
    assert one is not None
    assert other is not None
    assert one[:2] == other[1::-1]
    assert one[2] == other[2] == "left-1"
    event = next(events_of(link))
    for damaged in ({}, {"track": 3}, dict(event.details) | {"other": {"camera": 1}}):
        assert linked_by(type(event)("person", "left", 7, 3, damaged)) is None


def test_the_command_finds_the_floor_and_sets_it(bus: Bus, server: EmbeddedServer) -> None:
    def ghostpose(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["cameras", *arguments, "--redis", server.url])
        return result.output if result.exception is None else str(result.exception)

    ghostpose("add", "hall", "rtsp://h/live")
    points = [f"{x:.1f},{y:.1f}={east},{north}" for x, y, east, north in LEFT.pairs()]
    shown = ghostpose("ground", "hall", *points)
    assert "is 0.00 m off" in shown
    assert "hall is set: ground=" in shown
    settings = json.loads(ghostpose("show", "hall"))["settings"]
    assert settings["ground"][0][2:] == [-1.0, 1.0]
    far = ("0,0=0,0", "100,0=900,0", "100,100=900,900", "0,100=0,900")
    assert "(0, 0) is too far away" in ghostpose("ground", "hall", *far, "--dry-run")
    assert ghostpose("ground", "hall", *points[:3]).startswith("camera hall: ground: wanted 4")
    assert "wanted a pixel and its place" in ghostpose("ground", "hall", "100,700", *points)
    line = [f"{n},{n}={n},0" for n in range(4)]
    assert "on one line" in ghostpose("ground", "hall", *line)
