"""Zones, lines and postures in a post-processing worker: events are committed with their frame."""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st
from test_postprocess_worker import free, hand_in, poses, wait_for, working

from ghostpose.client import EventRecord, PoseReader
from ghostpose.errors import DecodeError, InvalidValueError
from ghostpose.rules import Rules, ZoneConfig
from ghostpose.types import EventMessage, FrameId
from postprocess.lane_state import join_state, split_state
from postprocess.watching import Watching

if TYPE_CHECKING:
    from roles import Pipeline

    from ghostpose.bus import EmbeddedServer

__all__ = ["free"]

LEFT_THIRD = ZoneConfig(name="left", polygon=((0, 100), (165, 100), (165, 480), (0, 480)))
"""Where the first of the stub's three people stands."""

ALL = ZoneConfig(name="all", polygon=((0, 0), (800, 0), (800, 600), (0, 600)), crowd=3)


FRAME = FrameId("hall", 3, 0, 1)


def play(pipeline: Pipeline, first: int, count: int) -> None:
    """Publish frames `first` and on, 0.1 s apart, and hand their maps in."""
    for number in range(first, first + count):
        pipeline.publisher.publish(samples.info(0.1 * (number + 1)), samples.picture(496, 368))
    hand_in(pipeline, pipeline.frames.take(count, 0))


def happenings(server: EmbeddedServer, camera: str = "lobby") -> list[EventMessage]:
    with PoseReader(server.url, [camera], start="begin") as reader:
        records = reader.read(block_s=0.1)
    events = [r.message for r in records if isinstance(r, EventRecord)]
    return [event for event in events if "captured_at" in event.details]


def test_events_are_on_the_stream_with_their_frame_and_evidence(
    server: EmbeddedServer, free: Pipeline
) -> None:
    free.bus.set_rules("lobby", Rules(zones=(LEFT_THIRD,)))
    with working(server, "one"):
        play(free, 0, 4)
        poses(server, 4)
        play(free, 4, 4)
        messages = poses(server, 8)
    (event,) = happenings(server)
    assert (event.kind, event.details["zone"]) == ("enter", "left")
    assert event.details["seqs"] == [0, event.seq]
    (person,) = [p for p in messages[event.seq].people if p.track == event.details["track"]]
    assert event.details["keypoints"] == pytest.approx(person.keypoints_k3, abs=0.01)
    assert free.bus.client.hget(free.bus.keys.camera("lobby"), "people_events") == b"1"


def test_a_worker_that_takes_over_goes_on_with_what_was_remembered(
    server: EmbeddedServer, free: Pipeline
) -> None:
    free.bus.set_rules("lobby", Rules(zones=(LEFT_THIRD, ALL)))
    for number in range(5):
        with working(server, f"worker {number}"):
            play(free, 4 * number, 4)
            poses(server, 4 * (number + 1))
    told = [(e.kind, e.details["zone"], e.details.get("track")) for e in happenings(server)]
    assert len(told) == len(set(told)) == 5
    assert [kind for kind, *_ in told] == ["enter"] * 4 + ["crowd"]


def test_rules_that_change_take_effect_on_a_running_worker(
    server: EmbeddedServer, free: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postprocess.watching.READ_AGAIN_S", 0.05)
    with working(server, "one"):
        play(free, 0, 1)
        poses(server, 1)
        free.bus.set_rules("lobby", Rules(zones=(LEFT_THIRD,)))
        numbers = itertools.count(1)

        def has_entered() -> bool:
            number = next(numbers)
            play(free, number, 1)
            poses(server, number + 1)
            return [event.kind for event in happenings(server)] == ["enter"]

        wait_for(has_entered)


def test_a_camera_without_rules_has_the_tracker_s_state_alone(
    server: EmbeddedServer, free: Pipeline
) -> None:
    with working(server, "one"):
        play(free, 0, 1)
        poses(server, 1)
    state = free.maps.state("lobby")
    assert split_state(state) == (state, b"")


def test_an_event_of_another_frame_is_refused(pipeline: Pipeline) -> None:
    pipeline.publish()
    pipeline.infer()
    (delivery,) = pipeline.take_maps()
    stray = EventMessage("fall", "lobby", delivery.message.id.session, 9, {})
    with pytest.raises(InvalidValueError, match="is of another frame"):
        pipeline.maps.commit_pose(
            pipeline.lease, delivery, samples.pose(delivery.message.id), b"", [stray]
        )


def test_damaged_rules_and_memories_cost_events_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watching = Watching("hall", lambda: b'{"zones": [{"name": "x"}]}')
    watching.load(b"damaged")
    with caplog.at_level(logging.ERROR):
        assert watching.judge(samples.pose(FRAME)) == ()
    assert "is watched for nothing: its rules say: Field required" in caplog.text
    assert watching.state() == b""


def test_a_rule_that_fails_costs_events_and_nothing_else(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("postprocess.watching.rules_of", lambda _: {"fall": fail})
    watching = Watching("hall", lambda: b'{"postures": ["fall"]}')
    with caplog.at_level(logging.ERROR):
        assert watching.judge(samples.pose(FRAME)) == ()
    assert "a rule fails on it" in caplog.text


@given(st.binary(min_size=1), st.binary(min_size=1))
def test_states_are_joined_and_split(tracker: bytes, memories: bytes) -> None:
    assert split_state(join_state(tracker, memories)) == (tracker, memories)


@given(st.binary().map(lambda data: b"\x82" + data))
def test_a_damaged_state_is_told(data: bytes) -> None:
    try:
        tracker, memories = split_state(data)
    except DecodeError as error:
        assert str(error).startswith("state of a camera: ")
    else:
        assert isinstance(tracker, bytes)
        assert isinstance(memories, bytes)
