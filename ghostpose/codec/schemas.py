"""The JSON messages as JSON Schemas (draft 07), for programs in other languages.

Made from the same types and limits as the decoders; unknown fields are allowed, more may come.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, get_args

from ghostpose.codec.camera_state import CameraStatus
from ghostpose.codec.checks import MAX_INTEGER
from ghostpose.skeleton import KEYPOINTS, NUM_KEYPOINTS
from ghostpose.types import (
    CAMERA_NAME_PATTERN,
    MAX_PEOPLE,
    MAX_SIDE_PX,
    EventKind,
    SkipReason,
    Timings,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Schema = dict[str, Any]

_COUNT: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}
_SIDE: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": MAX_SIDE_PX}
_TRACK: Final = rf"^{CAMERA_NAME_PATTERN.pattern}-[0-9]+$"


def pose_schema() -> Schema:
    """Return the schema of a pose message."""
    return _object(
        "The result for one frame.",
        camera=camera_schema(),
        session=_told(_COUNT, "One uninterrupted opening of the source; only grows."),
        seq=_told(_COUNT, "0, 1, 2 ... of the frames published in the session."),
        captured_at=_number("Unix seconds: when the frame was received, or recorded."),
        media_time=_number("Seconds in the stream, strictly growing in a session."),
        width=_told(_SIDE, "The source picture's, in pixels."),
        height=_told(_SIDE, "The source picture's, in pixels."),
        people={"type": "array", "maxItems": MAX_PEOPLE, "items": person_schema()},
        timings_ms=_object(
            "What each stage took, in milliseconds.",
            **{stage.name: {"type": "number"} for stage in fields(Timings)},
        ),
    )


def person_schema() -> Schema:
    """Return the schema of one person in a pose message."""
    point = {"type": "array", "minItems": 3, "maxItems": 3, "items": {"type": "number"}}
    return _object(
        "One person in one frame, in pixels of the source picture.",
        track={
            "type": ["string", "null"],
            "pattern": _TRACK,
            "description": "<camera>-<n>; the same person keeps it, and no one else ever gets it.",
        },
        score={"type": "number", "minimum": 0, "maximum": 1},
        box={
            "type": "array",
            "minItems": 4,
            "maxItems": 4,
            "items": {"type": "number"},
            "description": "x, y, width, height of the whole person.",
        },
        keypoints={
            "type": "array",
            "minItems": NUM_KEYPOINTS,
            "maxItems": NUM_KEYPOINTS,
            "items": point,
            "description": f"x, y, score each; a missing one is 0, 0, 0: {', '.join(KEYPOINTS)}.",
        },
    )


def event_schema() -> Schema:
    """Return the schema of an event; what `details` hold depends on `kind`."""
    schema = _object(
        "What happened to a camera besides poses.",
        kind={"enum": list(get_args(EventKind))},
        camera=camera_schema(),
        session=_COUNT,
        seq=_told(_COUNT, "The frame; of session_end: how many were published."),
        details={"type": "object"},
    )
    schema["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": kind}}},
            "then": {"properties": {"details": inner}},
        }
        for kind, inner in event_details().items()
    ]
    return schema


def event_details() -> dict[EventKind, Schema]:
    """Return the schema of `details` for each kind of event that has some."""
    counts = {"type": "object", "additionalProperties": _COUNT}
    name, person = {"type": "string"}, _of_person
    return {
        "gap": _object("", reason={"enum": list(get_args(SkipReason))}),
        "session_end": _object(
            "", frames_read=_COUNT, skipped=counts, clock_repairs=_COUNT, published=_COUNT,
            poses=_COUNT, gaps=_COUNT,
        ),
        "enter": person(zone=name),
        "leave": _optional(person(zone=name), lost={"const": True}),
        "dwell": person(zone=name, stays_s=_number("Since they came, in media time.")),
        "crowd": _of_frame(zone=name, state={"enum": ["begins", "ends"]}, people=_COUNT),
        "cross": person(line=name, direction={"enum": ["in", "out"]}),
        "fall": person(),
        "hands_up": person(),
        "person": _linked(person),
    }  # fmt: skip


def _of_frame(**properties: Schema) -> Schema:
    """Return the details of an event that a frame tells."""
    seqs = {"type": "array", "minItems": 2, "maxItems": 2, "items": _COUNT}
    return _object(
        "",
        **properties,
        captured_at=_number("Of the frame that told it."),
        media_time=_number("Of the frame that told it."),
        seqs=_told(seqs, "The first frame that shows it, and the one that told it."),
    )


def _of_person(**properties: Schema) -> Schema:
    """Return the details of an event of one person, which may be out of sight by then."""
    foot = {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "number"}}
    seen = person_schema()["properties"]
    track = {"type": "string", "pattern": _TRACK}
    details = _of_frame(**properties, track=track)
    return _optional(details, foot=foot, keypoints=seen["keypoints"])


def _linked(person: Callable[..., Schema]) -> Schema:
    """Return the details of a track that is probably one person with another's."""
    track = {"type": "string", "pattern": _TRACK}
    details = person(
        person=_told(track, "The first of all tracks that are linked to this one."),
        certainty={"const": "probable"},
        score={"type": "number", "minimum": 0, "maximum": 1},
        together_s=_number("For how long both were seen at the same time."),
        other=_object("The other track.", camera=camera_schema(), session=_COUNT, track=track),
    )
    return _optional(details, gap_s=_number("How long nobody was seen, where views adjoin."))


def camera_schema() -> Schema:
    """Return the schema of a camera's name."""
    return {"type": "string", "pattern": f"^{CAMERA_NAME_PATTERN.pattern}$"}


def camera_status_schema(*others: str) -> Schema:
    """Return the schema of what a camera does, and of other words for it."""
    return {"enum": [*get_args(CameraStatus), *others]}


def _object(description: str, **properties: Schema) -> Schema:
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return _told(schema, description) if description else schema


def _optional(schema: Schema, **properties: Schema) -> Schema:
    """Return an object's schema with properties that it may lack."""
    return {**schema, "properties": schema["properties"] | properties}


def _told(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


def _number(description: str) -> Schema:
    return {"type": "number", "description": description}
