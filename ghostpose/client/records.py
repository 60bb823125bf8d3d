"""What a reader of poses gets, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ghostpose.types import EventMessage, PoseMessage


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a camera was read: the last ids of its poses and events streams."""

    poses_id: str = "0-0"
    events_id: str = "0-0"


@dataclass(frozen=True, slots=True)
class PoseRecord:
    """One entry of a poses stream. `json` is its field `d` as it came.

    `committed_ms` and `published_ms` (of its frame) are the server's clock, Unix ms.
    """

    camera: str
    stream_id: str
    committed_ms: int
    published_ms: int
    message: PoseMessage
    json: bytes


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One entry of an events stream. `json` is its field `d` as it came."""

    camera: str
    stream_id: str
    committed_ms: int
    message: EventMessage
    json: bytes


Record = PoseRecord | EventRecord
