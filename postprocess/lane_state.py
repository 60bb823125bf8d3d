"""A camera's state between commits as bytes: its tracker's, and what its rules remember.

Without memories it is the tracker's alone; with them a msgpack map of two, `{t: tracker, m:
memories}`.
"""

from __future__ import annotations

from typing import Final

import msgpack

from ghostpose.errors import DecodeError

_MAP_OF_TWO: Final = 0x82
"""First byte of the map; a tracker's state begins with that of an array."""


def join_state(tracker: bytes, memories: bytes) -> bytes:
    """Return both as one."""
    return bytes(msgpack.packb({"t": tracker, "m": memories})) if memories else tracker


def split_state(data: bytes) -> tuple[bytes, bytes]:
    """Return the tracker's state and the rules' memories.

    Raises:
        DecodeError: it begins as both, and isn't.
    """
    if not data or data[0] != _MAP_OF_TWO:
        return data, b""
    try:
        parts = msgpack.unpackb(data)
    except Exception as cause:  # msgpack raises many kinds, ValueError and its own among them
        raise DecodeError("state of a camera: these bytes are no msgpack", data) from cause
    tracker, memories = parts.get("t"), parts.get("m")
    if not (isinstance(tracker, bytes) and isinstance(memories, bytes)):
        raise DecodeError("state of a camera: no tracker and memories in it", data)
    return tracker, memories
