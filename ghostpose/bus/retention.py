"""How much the bus keeps of what nothing else bounds, if its budget allows that much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

POSES_KEPT: Final = 20_000
"""Pose messages kept a camera, about: half an hour at 10 frames a second."""

POSES_KEPT_BYTES: Final = 32_000_000
"""Bytes of pose messages kept a camera, about: 8,000 of 8 people, 1,100 of 60 people."""

POSES_KEPT_S: Final = 3_600.0
"""Seconds that pose messages are kept, about; those of a camera that is gone vanish after it."""

EVENTS_KEPT: Final = 10_000
"""Events kept a camera, about."""

EVENTS_KEPT_BYTES: Final = 4_000_000
"""Bytes of events kept a camera, about."""

EVENTS_KEPT_S: Final = 7 * 86_400.0
"""Seconds that events are kept, about; those of a camera that is gone vanish after it."""

DEAD_KEPT: Final = 100
"""Dead letters kept a partition, about."""

DEAD_PAYLOAD_BYTES: Final = 64 * 2**10
"""Bytes kept of a dead letter: with all partitions full of them (16), some 100 MB."""

DEAD_NAMES_BYTES: Final = 1024
"""Bytes kept of a dead letter without a picture: its ids and its header."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of a stream is kept: whichever bound is reached first."""

    count: int
    bytes: int
    age_ms: int


def camera_kept_bytes() -> int:
    """Return the bytes that one camera's results may take on the server, about."""
    return POSES_KEPT_BYTES + EVENTS_KEPT_BYTES


def poses_kept() -> Kept:
    """Return the bounds of a camera's poses stream, on a server with room enough."""
    return Kept(POSES_KEPT, POSES_KEPT_BYTES, round(POSES_KEPT_S * 1000))


def events_kept() -> Kept:
    """Return the bounds of a camera's events stream, on a server with room enough."""
    return Kept(EVENTS_KEPT, EVENTS_KEPT_BYTES, round(EVENTS_KEPT_S * 1000))
