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
    """One entry of an events stream. `json` is its field `d` as it came.

    What the commonest `details` say is here by name and type; None where this event says no such
    thing. docs/events.md tells which kinds have which.
    """

    camera: str
    stream_id: str
    committed_ms: int
    message: EventMessage
    json: bytes

    @property
    def track(self) -> str | None:
        """Whose event it is."""
        return self._text("track")

    @property
    def place(self) -> str | None:
        """The zone or line that it is about."""
        return self._text("zone") or self._text("line")

    @property
    def captured_at(self) -> float | None:
        """When the frame that told it was captured, Unix seconds."""
        told = self.message.details.get("captured_at")
        return float(told) if isinstance(told, int | float) else None

    @property
    def foot(self) -> tuple[float, float] | None:
        """Where its person stood, in pixels of the source picture."""
        told = self.message.details.get("foot")
        if not (isinstance(told, list) and len(told) == 2):
            return None
        x, y = told
        numbers = isinstance(x, int | float) and isinstance(y, int | float)
        return (float(x), float(y)) if numbers else None

    def _text(self, name: str) -> str | None:
        told = self.message.details.get(name)
        return told if isinstance(told, str) else None


Record = PoseRecord | EventRecord
