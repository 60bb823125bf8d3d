"""How far a camera's newest session has come, for whoever waits for its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ghostpose.codec.poses import decode_event
from ghostpose.server import translated

if TYPE_CHECKING:
    from ghostpose.bus.connection import Bus
    from ghostpose.types import EventMessage

_EVENTS_LOOKED_AT: Final = 100
"""The end of the newest session is behind all its other events: among the last ones."""


@dataclass(frozen=True, slots=True)
class SessionState:
    """A camera's newest session: frames published in it, and how many aren't committed."""

    session: int
    published: int
    in_flight: int

    @property
    def committed(self) -> int:
        """Frames of it that have a pose message or a gap, at least."""
        return max(0, self.published - self.in_flight)


def session_state(bus: Bus, camera: str) -> SessionState | None:
    """Return the newest session of a camera, None if it never had one."""
    with translated(bus.address):
        cam: Any = bus.client.hmget(bus.keys.camera(camera), "session", "seq", "next", "committed")
    session, seq, following, committed = (int(value or 0) for value in cam)
    if cam[0] is None:
        return None
    return SessionState(session, seq, max(0, following - 1 - committed))


def session_end(bus: Bus, camera: str, session: int) -> EventMessage | None:
    """Return the event that ended a session, None if it hasn't been committed (yet)."""
    with translated(bus.address):
        entries: Any = bus.client.xrevrange(bus.keys.events(camera), count=_EVENTS_LOOKED_AT)
    for _, fields in entries:
        event = decode_event(fields[b"d"])
        if event.kind == "session_end" and event.session == session:
            return event
    return None
