"""The AsyncAPI document: valid, up to date, and true of real messages."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import samples
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, ValidationError

from app.asyncapi import OF_MIRROR, OF_STREAMS, as_yaml
from app.mirror.messages import Topics
from ghostpose.codec.camera_state import CameraState
from ghostpose.codec.messages import decode_frame
from ghostpose.codec.poses import encode_event, encode_pose
from ghostpose.codec.schemas import event_details
from ghostpose.config import MirrorConfig
from ghostpose.topics import TOPICS
from ghostpose.types import EventKind, EventMessage, FrameId, Person, PoseMessage, SkipReason

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text("utf-8"))
SPECIFICATION = json.loads((Path(__file__).parent / "asyncapi-3.0.0.json").read_text("utf-8"))


@cache
def validator(message: str) -> Draft7Validator:
    schema = DOCUMENT["components"]["messages"][message]["payload"]
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def test_the_document_is_the_one_that_the_code_makes() -> None:
    shown = (ROOT / "docs" / "asyncapi.yaml").read_text("utf-8")
    assert shown == as_yaml(), "run: python -m app.asyncapi > docs/asyncapi.yaml"


def test_the_document_follows_the_specification() -> None:
    Draft7Validator(SPECIFICATION).validate(DOCUMENT)


@pytest.mark.parametrize(
    "damage",
    [
        {"asyncapi": "2.6.0"},
        {"channels": {"poses": {"adress": "x"}}},
        {"operations": {"send": {"action": "shout", "channel": {"$ref": "#/channels/poses"}}}},
        {"servers": {"redis": {"host": "x"}}},
        {"components": {"messages": {"pose": {"payload": {"type": "objekt"}}}}},
    ],
    ids=["version", "channel", "operation", "server", "payload"],
)
def test_a_document_that_does_not_is_found(damage: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Draft7Validator(SPECIFICATION).validate(DOCUMENT | damage)


def references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for inner in value.values() for ref in references(inner)]
    if isinstance(value, list):
        return [ref for inner in value for ref in references(inner)]
    return []


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)
    assert found
    for reference in found:
        place: Any = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]


def test_every_stream_and_every_mirrored_topic_is_a_channel() -> None:
    channels = DOCUMENT["channels"]
    assert {topic.name for topic in TOPICS} == OF_STREAMS.keys() <= channels.keys()
    for topic in TOPICS:
        key = channels[topic.name]["x-redis"]["key"]
        assert key == topic.key.format(p="<partition>", camera="<camera>")
    addresses = {one["address"] for one in channels.values() if one["address"]}
    page = (ROOT / "docs" / "mqtt.md").read_text("utf-8")
    told = set(re.findall(r"^\| `(ghostpose/\S+)` \|", page, re.MULTILINE))
    assert {address.replace("{camera}", "CAMERA") for address in addresses} == told
    assert len(told) == len(OF_MIRROR) + 1


def test_the_schema_of_a_pose_has_the_messages_fields_and_no_others() -> None:
    schema = validator("pose").schema
    assert set(schema["properties"]) == {field.name for field in fields(PoseMessage)}
    person = schema["properties"]["people"]["items"]
    assert (
        set(person["properties"])
        == json.loads(encode_pose(samples.pose(FrameId("lobby", 1, 0, 1))))["people"][0].keys()
    )
    assert set(schema["required"]) == set(schema["properties"])


people = st.lists(
    st.builds(
        lambda seed, score, number: replace(
            samples.person(seed, f"lobby-{number}"), score=score
        ),
        st.integers(0, 99), st.floats(0, 1), st.integers(0, 10**6),
    ),
    max_size=3,
).map(tuple)  # fmt: skip


@settings(deadline=None)
@given(people, st.integers(0, 2**53 - 1), st.floats(0, 1e9))
def test_every_pose_that_is_encoded_is_valid(people: tuple[Person, ...], seq: int, at: float):
    pose = replace(samples.pose(FrameId("lobby", 1, 0, 1)), people=people, seq=seq, media_time=at)
    validator("pose").validate(json.loads(encode_pose(pose)))


@settings(deadline=None)
@given(st.sampled_from(get_args(SkipReason)), st.integers(0, 2**53 - 1))
def test_every_gap_that_is_encoded_is_valid(reason: str, seq: int) -> None:
    event = EventMessage("gap", "lobby", 5, seq, {"reason": reason})
    validator("event").validate(json.loads(encode_event(event)))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("seq",), -1),
        (("camera",), "a b"),
        (("people",), None),
        (("people", 0, "keypoints"), [[0, 0, 0]] * 17),
        (("people", 0, "keypoints", 3), [0, 0]),
        (("people", 0, "box"), [1, 2, 3]),
        (("people", 0, "track"), "lobby"),
        (("people", 0, "score"), 1.5),
        (("timings_ms",), {}),
    ],
)
def test_a_pose_that_is_none_is_found(place: tuple[Any, ...], value: object) -> None:
    values = json.loads(encode_pose(samples.pose(FrameId("lobby", 1, 0, 1))))
    inner = values
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    assert not validator("pose").is_valid(values)


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("gap", {}),
        ("gap", {"reason": "tired"}),
        ("session_end", {"poses": 1}),
        ("party", {}),
        ("enter", {}),
        ("fall", {"track": "lobby-1"}),
    ],
)
def test_an_event_that_is_none_is_found(kind: str, details: dict[str, object]) -> None:
    values = {"kind": kind, "camera": "lobby", "session": 1, "seq": 0, "details": details}
    assert not validator("event").is_valid(values)


def test_every_kind_of_event_that_has_details_says_which() -> None:
    assert event_details().keys() == set(get_args(EventKind)) - {"session_start"}


def test_a_mirrored_state_is_as_the_schema_says() -> None:
    state = CameraState("lobby", "waiting", 1.0, "w", "host", 1, problem="nothing answers", at=9.0)
    for now_s in (10.0, 1000.0):
        message = Topics(MirrorConfig().topic).state(state, now_s)
        told = json.loads(message.payload)
        validator("cameraState").validate(told)
        assert set(told) == set(validator("cameraState").schema["properties"])


def test_the_fields_of_a_frames_entry_are_those_of_the_bus(pipeline) -> None:
    pipeline.publish()
    stream = pipeline.bus.keys.frames(pipeline.partition)
    ((_, entry),) = pipeline.bus.client.xrange(stream)
    assert decode_frame(entry, 0).id.seq == 0
    assert [name.decode() for name in entry] == validator("frame").schema["required"]
    pipeline.infer()
    ((_, entry),) = pipeline.bus.client.xrange(pipeline.bus.keys.maps(pipeline.partition))
    assert [name.decode() for name in entry] == validator("maps").schema["required"]


def test_whole_numbers_stay_exact() -> None:
    values = json.loads(encode_pose(samples.pose(FrameId("lobby", 2**53 - 1, 0, 1))))
    validator("pose").validate(values)
    assert not validator("pose").is_valid(values | {"session": 2**53})
