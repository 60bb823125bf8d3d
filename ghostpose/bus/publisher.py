"""Publishing one camera's frames: the ingest side of the bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ghostpose.bus.connection import Bus
    from ghostpose.types import EncodedPicture, FrameInfo


@dataclass(frozen=True, slots=True)
class Published:
    """The frame is on the bus. `at_ms` is the server's clock."""

    seq: int
    ticket: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Full:
    """The camera's credit is used up: nothing was published.

    The last ids of its poses and events streams at that moment, so that waiting has no race.
    """

    poses_id: str
    events_id: str


class FramePublisher:
    """Publishes the frames of one registered camera, in order."""

    session: int
    """The session that `open_session` opened; -1 before."""

    def __init__(self, bus: Bus, camera: str) -> None:
        raise NotImplementedError

    def open_session(self) -> int:
        """Open a new session, which makes every older one stale; return its number."""
        raise NotImplementedError

    def publish(self, info: FrameInfo, picture: EncodedPicture) -> Published | Full:
        """Publish one frame, or answer `Full` if the credit is used up.

        Safe to call again with the same frame after any error but StaleSessionError and
        SessionLostError: a frame that did arrive is not appended a second time.

        Raises:
            StaleSessionError: another process opened a newer session of this camera.
            SessionLostError: the server lost its memory: register the camera again and open a
                session.
            BusFullError: the server is at `maxmemory`.
            BusUnavailableError: the server went away.
        """
        raise NotImplementedError

    def wait_for_credit(self, full: Full, timeout_s: float) -> bool:
        """Wait until something of this camera was committed after `full`; False = timed out."""
        raise NotImplementedError

    def end(self, *, frames_read: int, skipped: Mapping[str, int], clock_repairs: int = 0) -> None:
        """End the session in order: behind every frame published in it. Needs no credit.

        Raises:
            InvalidValueError: `frames_read` is not what was published plus what was skipped.
            StaleSessionError, SessionLostError: as `publish`.
        """
        raise NotImplementedError
