"""Messages to rows: pure, and strict with what other processes put into a message's details."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ghostpose.codec.checks import MAX_TIME_S
from ghostpose.errors import InvalidValueError
from postprocess.store.keypoints import pack_keypoints

if TYPE_CHECKING:
    from ghostpose.types import EventMessage, Person, PoseMessage
    from postprocess.store.upserts import Row

_MAX_COUNT: Final = 2**53
_MAX_NAME: Final = 64
_MAX_REASON: Final = 32


def session_row(camera_id: int, end: EventMessage) -> Row:
    """Return what a session's end says of it.

    Raises:
        InvalidValueError: a count is none.
    """
    return {
        "camera_id": camera_id,
        "session": end.session,
        "frames_read": _count(end, "frames_read"),
        "frames_published": end.seq if "published" not in end.details else _count(end, "published"),
        "clock_repairs": _count(end, "clock_repairs"),
        "skipped": json.dumps(end.details.get("skipped", {}), sort_keys=True),
    }


def gap_row(camera_id: int, gap: EventMessage) -> Row:
    """Return the row of a frame that has no pose message.

    Raises:
        InvalidValueError: its reason is no text.
    """
    return {
        "camera_id": camera_id,
        "session": gap.session,
        "seq": gap.seq,
        "reason": _text(gap, "reason")[:_MAX_REASON],
    }


def event_row(camera_id: int, event: EventMessage) -> Row:
    """Return the row of what happened to people.

    Raises:
        InvalidValueError: its track, place or time is none.
    """
    track = event.details.get("track")
    return {
        "camera_id": camera_id,
        "session": event.session,
        "seq": event.seq,
        "kind": event.kind,
        "number": 0 if track is None else track_number(event.camera, str(track)),
        "name": (_text(event, "zone") or _text(event, "line"))[:_MAX_NAME] or _other(event),
        "at": _time(event),
        "details": json.dumps(dict(event.details), sort_keys=True),
    }


def pose_row(camera_id: int, pose: PoseMessage) -> Row:
    """Return the row of a frame, without its people."""
    return {
        "camera_id": camera_id,
        "session": pose.session,
        "seq": pose.seq,
        "captured_at": pose.captured_at,
        "media_time_s": pose.media_time,
        "width": pose.width,
        "height": pose.height,
        "people": len(pose.people),
    }


def person_row(camera_id: int, pose: PoseMessage, person: Person) -> Row:
    """Return the row of a person in a frame.

    Raises:
        InvalidValueError: the track is not `<camera>-<number>`.
    """
    x, y, w, h = person.box
    return {
        "camera_id": camera_id,
        "number": track_number(pose.camera, person.track),
        "session": pose.session,
        "seq": pose.seq,
        "score": person.score,
        "x": x,
        "y": y,
        "w": w,
        "h": h,
        "keypoints": pack_keypoints(person.keypoints_k3),
    }


def track_number(camera: str, track: str | None) -> int:
    """Return the n of `<camera>-<n>`.

    Raises:
        InvalidValueError: `track` is not of that form.
    """
    prefix, _, number = (track or "").rpartition("-")
    if prefix != camera or not (number.isascii() and number.isdigit()) or len(number) > 18:
        raise InvalidValueError(f"store: track {track!r} is not {camera}-<number>")
    return int(number)


def _count(event: EventMessage, name: str) -> int | None:
    value = event.details.get(name)
    if value is None or (type(value) is int and 0 <= value <= _MAX_COUNT):
        return value
    raise InvalidValueError(f"store: {event.camera}: {name} of a session's end is no count")


def _text(event: EventMessage, name: str) -> str:
    """Return a printable text; others are none for PostgreSQL, or for no database."""
    value = event.details.get(name) or ""
    if isinstance(value, str) and value.isprintable():
        return value
    raise InvalidValueError(f"store: {event.camera}: {name} of a {event.kind} is no printable text")


def _other(event: EventMessage) -> str:
    """Return the track that a `person` is linked to: one frame may link it to several cameras'.

    Of a long one, the end: that is its number.
    """
    other = event.details.get("other")
    if other is None:
        return ""
    track = other.get("track") if isinstance(other, dict) else None
    if isinstance(track, str) and track.isprintable():
        return track[-_MAX_NAME:]
    raise InvalidValueError(f"store: {event.camera}: other of a {event.kind} is no track")


def _time(event: EventMessage) -> float:
    value = event.details.get("captured_at")
    # Compared as it is: an integer of a thousand digits is no float.
    if isinstance(value, int | float) and abs(value) <= MAX_TIME_S:
        return float(value)
    raise InvalidValueError(f"store: {event.camera}: a {event.kind} has no time captured_at")
