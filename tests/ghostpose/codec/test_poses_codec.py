"""Pose and event messages as JSON: the fixed interface, to the letter."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.codec.poses import decode_event, decode_pose, encode_event, encode_pose
from ghostpose.errors import DecodeError
from ghostpose.types import EventMessage, FrameId, Person, PoseMessage, Timings

POSE = samples.pose(FrameId("lobby", 1_700_000_000_000, 4, 9), people=2)
EVENT = EventMessage("gap", "lobby", 1_700_000_000_000, 4, {"reason": "stale"})


POSE_FIELDS = ["camera", "session", "seq", "captured_at", "media_time", "width", "height"]
STAGES = ["decode", "encode", "wait", "inference", "grouping", "tracking", "commit"]


def test_the_message_has_exactly_the_documented_fields() -> None:
    values = json.loads(encode_pose(POSE))
    assert list(values) == [*POSE_FIELDS, "people", "timings_ms"]
    assert list(values["people"][0]) == ["track", "score", "box", "keypoints"]
    assert list(values["timings_ms"]) == STAGES


def test_key_points_are_triples_and_a_missing_one_is_zeros() -> None:
    keypoints = json.loads(encode_pose(POSE))["people"][0]["keypoints"]
    assert [len(point) for point in keypoints] == [3] * 18
    assert keypoints[3] == [0, 0, 0]


def test_numbers_are_rounded_to_what_they_are_worth() -> None:
    keypoints = np.full((18, 3), [12.3456, -0.001, 0.98765], np.float32)
    person = Person(0.123456, (1.0049, 2.0051, 3.3333, 1e4), keypoints)
    text = encode_pose(replace(POSE, people=(person,), timings_ms=Timings(decode=1.23456)))
    values = json.loads(text)["people"][0]
    assert values["keypoints"][0] == [12.35, 0, 0.988]
    assert values["box"] == [1.0, 2.01, 3.33, 10_000]
    assert values["score"] == 0.123
    assert values["track"] is None
    assert b"-0.0" not in text
    assert json.loads(text)["timings_ms"]["decode"] == 1.235


def test_a_message_is_one_line_without_blanks() -> None:
    assert not set(encode_pose(POSE)) & set(b" \n\r\t")


def test_a_pose_comes_back_to_the_rounding() -> None:
    came = decode_pose(encode_pose(POSE))
    assert (came.camera, came.session, came.seq) == (POSE.camera, POSE.session, POSE.seq)
    assert came.timings_ms == POSE.timings_ms
    for before, after in zip(POSE.people, came.people, strict=True):
        np.testing.assert_allclose(before.keypoints_k3, after.keypoints_k3, atol=0.0051)
        assert (before.track, before.box) == (after.track, after.box)
    assert encode_pose(came) == encode_pose(POSE)


@given(st.floats(0, 4e9), st.floats(0, 1e6), st.integers(0, 2**53 - 1))
def test_times_keep_their_microseconds(captured_at: float, media_time: float, seq: int) -> None:
    came = decode_pose(
        encode_pose(replace(POSE, captured_at=captured_at, media_time=media_time, seq=seq))
    )
    assert came.captured_at == pytest.approx(captured_at, abs=1e-6)
    assert came.media_time == pytest.approx(media_time, abs=1e-6)
    assert came.seq == seq


def test_an_event_comes_back_as_it_was_sent() -> None:
    assert decode_event(encode_event(EVENT)) == EVENT


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.data())
def test_poses_with_any_value_in_any_place_are_poses_or_a_decode_error(data: st.DataObject) -> None:
    values = json.loads(encode_pose(POSE))
    place = data.draw(st.sampled_from([values, values["people"][0], values["timings_ms"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(json_values)
    _decodes_or_refuses(decode_pose, json.dumps(values).encode())


@given(st.data())
def test_damaged_poses_are_poses_or_a_decode_error(data: st.DataObject) -> None:
    _decodes_or_refuses(decode_pose, data.draw(samples.damaged(encode_pose(POSE))))


@given(st.data())
def test_damaged_events_are_events_or_a_decode_error(data: st.DataObject) -> None:
    _decodes_or_refuses(decode_event, data.draw(samples.damaged(encode_event(EVENT))))


@given(json_values)
def test_other_json_is_a_decode_error(value: object) -> None:
    for decode in (decode_pose, decode_event):
        with pytest.raises(DecodeError):
            decode(json.dumps(value).encode())


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 100_000,
        b'{"seq": ' + b"9" * 10_000 + b"}",
        b'{"camera": "' + b"x" * (5 * 2**20) + b'"}',
    ],
    ids=["nested", "long number", "long text"],
)
def test_json_bombs_are_a_decode_error(bomb: bytes) -> None:
    for decode in (decode_pose, decode_event):
        with pytest.raises(DecodeError):
            decode(bomb)


@pytest.mark.parametrize(
    "details",
    [
        b'{"a": ' * 17 + b"0" + b"}" * 17,
        b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"a": "\\ud800"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": [1e999]}',
        b'{"a": NaN}',
    ],
    ids=["deep", "deep list", "half a character", "the same in bytes", "infinite", "no number"],
)
def test_details_that_nobody_could_pass_on_are_a_decode_error(details: bytes) -> None:
    event = encode_event(EVENT)
    start = event.index(b'"details":') + len(b'"details":')
    with pytest.raises(DecodeError):
        decode_event(event[:start] + details + b"}")


def test_details_of_sixteen_levels_and_any_characters_are_passed_on() -> None:
    details = b'{"a": ' * 15 + b'{"b": "\\u00e4\\ud83d\\ude00"}' + b"}" * 15
    event = encode_event(EVENT)
    start = event.index(b'"details":') + len(b'"details":')
    assert decode_event(event[:start] + details + b"}").details == json.loads(details)


def test_integers_too_long_for_an_array_are_a_decode_error() -> None:
    values = json.loads(encode_pose(POSE))
    values["people"][0]["keypoints"][2][0] = 10**400
    with pytest.raises(DecodeError):
        decode_pose(json.dumps(values).encode())


def _decodes_or_refuses(decode: object, data: bytes) -> None:
    assert callable(decode)
    try:
        came = decode(data)
    except DecodeError as error:
        assert error.raw == data[: DecodeError.RAW_KEPT]
    else:
        assert isinstance(came, PoseMessage | EventMessage)
