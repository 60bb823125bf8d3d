"""Pose and event messages to JSON and back: field `d` of the poses and events streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.types import EventMessage, Person, PoseMessage


def people_to_json_values(people: Sequence[Person]) -> list[dict[str, object]]:
    """Return the `people` list of a pose message as plain JSON values (for `ghostpose pose`)."""
    raise NotImplementedError


def encode_pose(pose: PoseMessage) -> bytes:
    """Encode a pose message as one line of JSON: pixels to 0.01, scores to 0.001."""
    raise NotImplementedError


def decode_pose(data: bytes) -> PoseMessage:
    """Decode a pose message's JSON.

    Raises:
        DecodeError: it is no pose message.
    """
    raise NotImplementedError


def encode_event(event: EventMessage) -> bytes:
    """Encode an event message as one line of JSON."""
    raise NotImplementedError


def decode_event(data: bytes) -> EventMessage:
    """Decode an event message's JSON.

    Raises:
        DecodeError: it is no event message.
    """
    raise NotImplementedError
