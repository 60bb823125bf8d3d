"""Pose and event messages to JSON and back: field `d` of the poses and events streams.

The names are a fixed interface that programs outside read (`docs` describes it); a reader passes
over fields that it doesn't know. Pixels are rounded to 0.01, scores and milliseconds to 0.001,
seconds to a microsecond.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Final, cast, get_args

import numpy as np

from ghostpose.codec.checks import Fields, parse_json
from ghostpose.skeleton import NUM_KEYPOINTS
from ghostpose.types import (
    MAX_PEOPLE,
    MAX_SIDE_PX,
    EventKind,
    EventMessage,
    Person,
    PoseMessage,
    Timings,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_POSE_BYTES: Final = 4 * 2**20
"""`MAX_PEOPLE` people take half of it."""

MAX_EVENT_BYTES: Final = 64 * 2**10

MAX_DETAILS_DEPTH: Final = 16
"""Programs that pass details on give up at some depth; ours have three levels."""

_MAX_PX: Final = 1e6
_MAX_SCORE: Final = 1e3
_STAGES: Final = tuple(stage.name for stage in fields(Timings))
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def people_to_json_values(people: Sequence[Person]) -> list[dict[str, object]]:
    """Return the `people` list of a pose message as plain JSON values, rounded."""
    if not people:
        return []
    keypoints_pk3 = np.stack([person.keypoints_k3 for person in people]).astype(np.float64)
    keypoints_pk3[..., :2] = keypoints_pk3[..., :2].round(2)
    keypoints_pk3[..., 2] = keypoints_pk3[..., 2].round(3)
    keypoints_pk3 += 0.0  # a negative zero would be written as -0.0
    boxes_p4 = (np.array([person.box for person in people], np.float64).round(2) + 0.0).tolist()
    return [
        {
            "track": person.track,
            "score": round(float(person.score), 3),
            "box": box,
            "keypoints": keypoints,
        }
        for person, box, keypoints in zip(people, boxes_p4, keypoints_pk3.tolist(), strict=True)
    ]


def encode_pose(pose: PoseMessage) -> bytes:
    """Encode a pose message as one line of JSON: pixels to 0.01, scores to 0.001."""
    timings = pose.timings_ms
    return _encode(
        {
            "camera": pose.camera,
            "session": pose.session,
            "seq": pose.seq,
            "captured_at": round(float(pose.captured_at), 6),
            "media_time": round(float(pose.media_time), 6),
            "width": pose.width,
            "height": pose.height,
            "people": people_to_json_values(pose.people),
            "timings_ms": {stage: round(float(getattr(timings, stage)), 3) for stage in _STAGES},
        }
    ).encode()


def decode_pose(data: bytes) -> PoseMessage:
    """Decode a pose message's JSON.

    Raises:
        DecodeError: it is no pose message.
    """
    message = parse_json("pose message", data, MAX_POSE_BYTES)
    return message.build(
        lambda: PoseMessage(
            camera=message.text("camera"),
            session=message.integer("session"),
            seq=message.integer("seq"),
            captured_at=message.time_s("captured_at"),
            media_time=message.time_s("media_time"),
            width=message.integer("width", 1, MAX_SIDE_PX),
            height=message.integer("height", 1, MAX_SIDE_PX),
            people=tuple(
                _person(Fields("person", value, data))
                for value in message.items("people", MAX_PEOPLE)
            ),
            timings_ms=_timings(message.inner("timings_ms")),
        )
    )


def encode_event(event: EventMessage) -> bytes:
    """Encode an event message as one line of JSON.

    Raises:
        TypeError, ValueError: `details` holds what JSON can't.
    """
    return _encode(
        {
            "kind": event.kind,
            "camera": event.camera,
            "session": event.session,
            "seq": event.seq,
            "details": dict(event.details),
        }
    ).encode()


def decode_event(data: bytes) -> EventMessage:
    """Decode an event message's JSON.

    Raises:
        DecodeError: it is no event message.
    """
    message = parse_json("event message", data, MAX_EVENT_BYTES)
    details = message.nested("details", MAX_DETAILS_DEPTH)
    return message.build(
        lambda: EventMessage(
            kind=cast("EventKind", message.choice("kind", get_args(EventKind))),
            camera=message.text("camera"),
            session=message.integer("session"),
            seq=message.integer("seq"),
            details=details,
        )
    )


def _person(values: Fields) -> Person:
    track = values.any("track")
    return Person(
        score=values.number("score", -_MAX_SCORE, _MAX_SCORE),
        box=cast("tuple[float, float, float, float]", values.numbers("box", 4, -_MAX_PX, _MAX_PX)),
        keypoints_k3=_keypoints(values),
        track=None if track is None else values.text("track"),
    )


def _keypoints(values: Fields) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    rows = values.items("keypoints", NUM_KEYPOINTS)
    whole = len(rows) == NUM_KEYPOINTS and all(isinstance(r, list) and len(r) == 3 for r in rows)
    numbers = (
        [number for row in cast("list[list[object]]", rows) for number in row] if whole else []
    )
    if not whole or not all(type(number) in (int, float) for number in numbers):
        raise values.fail(f"keypoints are not {NUM_KEYPOINTS} times three numbers")
    plain = cast("list[float]", numbers)
    # Compared as Python numbers: an integer of a thousand digits doesn't fit an array.
    if not all(-_MAX_PX <= number <= _MAX_PX for number in plain):
        raise values.fail(f"a key point isn't within {_MAX_PX:g} pixels")
    return np.array(plain, np.float32).reshape(NUM_KEYPOINTS, 3)


def _timings(values: Fields) -> Timings:
    return Timings(*(values.duration_ms(stage) for stage in _STAGES))
