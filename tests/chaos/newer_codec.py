"""A newer minor version of the protocol: everything that is said has fields nobody knows here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgpack

from ghostpose.bus import commit, connection
from ghostpose.codec import messages, poses

if TYPE_CHECKING:
    from collections.abc import Callable

NEWER_MINOR = 7
UNKNOWN = {"colour": "blue", "deep": {"er": [1, 2, {"est": None}]}}


def install() -> None:
    """Have this process speak it from now on."""
    messages.pack_fields = _pack  # type: ignore[assignment]
    for module, name in (
        (poses, "encode_pose"),
        (commit, "encode_pose"),
        (commit, "encode_event"),
        (connection, "encode_camera"),
        (connection, "encode_heartbeat"),
    ):
        setattr(module, name, _with_more(getattr(module, name)))
    connection.PROTOCOL_MINOR = NEWER_MINOR  # type: ignore[misc]


def _pack(values: dict[str, object]) -> bytes:
    version = {"v": [messages.PROTOCOL_MAJOR, NEWER_MINOR]}
    return bytes(msgpack.packb(version | UNKNOWN | values))


def _with_more(encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    def encode_more(value: Any) -> bytes:
        # What is unknown comes first: the step that commits an end writes behind the last value.
        return json.dumps(UNKNOWN | json.loads(encode(value)), separators=(",", ":")).encode()

    return encode_more
