"""Publishing one camera's frames: the ingest side of the bus."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ghostpose.bus.budget import frame_bytes
from ghostpose.bus.steps import Step
from ghostpose.codec.entries import id_ms
from ghostpose.codec.messages import encode_end_header, encode_frame_header
from ghostpose.codec.poses import encode_event
from ghostpose.errors import BusError, InvalidValueError, SessionLostError, StaleSessionError
from ghostpose.server import MAX_BLOCK_S, translated
from ghostpose.topics import WANTED_SUFFIX
from ghostpose.types import EventMessage, check_camera_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ghostpose.bus.connection import Bus
    from ghostpose.types import EncodedPicture, FrameInfo


@dataclass(frozen=True, slots=True)
class Full:
    """The camera's credit is used up.

    The last ids of its poses and events streams at that moment, so that waiting has no race.
    """

    poses_id: str
    events_id: str


@dataclass(frozen=True, slots=True)
class Published:
    """The frame is on the bus. `at_ms` is the server's clock.

    `preview_wanted`: somebody looks at this camera, see `ghostpose.bus.previews`. `full`: this
    frame took the last of the credit, so that the next is sent in vain until one is committed.
    """

    seq: int
    ticket: int
    at_ms: int
    preview_wanted: bool = False
    full: Full | None = None


class FramePublisher:
    """Publishes the frames of one registered camera, in order. For one thread."""

    def __init__(self, bus: Bus, camera: str) -> None:
        self.camera: Final = check_camera_name(camera)
        self.session = -1
        """The session that `open_session` opened; -1 before."""
        self._bus = bus
        self._next_seq = 0
        keys = bus.keys
        partition = keys.partition_of(camera)
        self._cam_key = keys.camera(camera)
        self._poses_key, self._events_key = keys.poses(camera), keys.events(camera)
        self._publish_keys = (
            self._cam_key,
            keys.frames(partition),
            self._poses_key,
            self._events_key,
            keys.preview(camera) + WANTED_SUFFIX,
        )
        self._maps_key = keys.maps(partition)

    def open_session(self) -> int:
        """Open a new session, which makes every older one stale; return its number.

        Raises:
            SessionLostError: the camera isn't registered (any more).
        """
        # The script puts the number in: it alone knows it.
        start = encode_event(EventMessage("session_start", self.camera, 0, 0)).decode()
        before, after = start.split('"session":0', 1)
        kept = self._bus.budget.now().events_kept()
        reply = self._bus.run(
            Step.OPEN_SESSION,
            (self._cam_key, self._events_key),
            (before + '"session":', after, kept.count, kept.age_ms),
        )
        if reply[0] != b"opened":
            raise self._lost()
        self.session, self._next_seq = int(reply[1]), 0
        return self.session

    def resume_session(self, session: int) -> bool:
        """Go on with a session where the server says that it is; False: only a new one can be.

        For a source that gives the same frames again, whose former publisher is gone. The first
        `next_seq` frames are not to be sent again; of a session that has ended these are all.
        """
        with translated(self._bus.address):
            cam: Any = self._bus.client.hmget(self._cam_key, "session", "seq")
        known, seq = cam
        if known is None or int(known) != session:
            return False
        self.session, self._next_seq = session, int(seq)
        return True

    @property
    def next_seq(self) -> int:
        """Number of the next frame: how many the session has, those of former publishers too."""
        return self._next_seq

    def publish(self, info: FrameInfo, picture: EncodedPicture) -> Published | Full:
        """Publish one frame, or answer `Full` if the credit is used up: nothing happened.

        After BusUnavailableError nobody knows whether the frame arrived: call again with the same
        frame, and it is appended once in any case.

        Raises:
            StaleSessionError: another process opened a newer session of this camera.
            SessionLostError: the server lost its memory: register the camera again and open a
                session.
            BusFullError: the server is at `maxmemory`.
            BusUnavailableError: the server went away.
        """
        seq = self._next_seq
        fits = frame_bytes(picture.width, picture.height, len(picture.data))
        credit = self._bus.budget.now().credit(fits)
        header = encode_frame_header(info, picture)
        reply = self._bus.run(
            Step.PUBLISH,
            self._publish_keys,
            (self.camera, self.session, seq, header, picture.data, credit),
        )
        if reply[0] == b"published":
            self._next_seq = seq + 1
            ticket, at_ms = int(reply[1]), id_ms(reply[2].decode())
            full = Full(*(last_id.decode() for last_id in reply[4:])) if reply[4:] else None
            return Published(seq, ticket, at_ms, reply[3] == 1, full)
        if reply[0] == b"full":
            return Full(*(last_id.decode() for last_id in reply[1:]))
        raise self._refused(reply)

    def wait_for_credit(self, full: Full, timeout_s: float) -> bool:
        """Wait until something of this camera was committed after `full`; False = timed out."""
        deadline = time.monotonic() + timeout_s
        since: Any = {self._poses_key: full.poses_id, self._events_key: full.events_id}
        while (left_s := deadline - time.monotonic()) > 0:
            block_ms = max(1, round(1000 * min(left_s, MAX_BLOCK_S)))
            with translated(self._bus.address):
                if self._bus.client.xread(since, count=1, block=block_ms):
                    return True
        return False

    def end(self, *, frames_read: int, skipped: Mapping[str, int], clock_repairs: int = 0) -> None:
        """End the session in order: behind every frame published in it. Needs no credit.

        Raises:
            InvalidValueError: `frames_read` is not what was published plus what was skipped.
            StaleSessionError, SessionLostError: as `publish`.
        """
        published = self._next_seq
        if frames_read != published + sum(skipped.values()):
            raise InvalidValueError(
                f"{self.camera}: {frames_read} frames read are not {published} published"
                f" + {dict(skipped)} skipped"
            )
        header = encode_end_header(frames_read, skipped, clock_repairs)
        reply = self._bus.run(
            Step.END_SESSION,
            (self._cam_key, self._maps_key),
            (self.camera, self.session, published, header),
        )
        if reply[0] != b"ended":
            raise self._refused(reply)

    def _refused(self, reply: list[bytes]) -> BusError:
        if reply[0] == b"lost":
            return self._lost()
        if reply[0] == b"stale":
            return StaleSessionError(
                f"{self.camera}: session {self.session} is over, another process opened session"
                f" {reply[1].decode()} of this camera."
            )
        if reply[0] == b"ended":
            return BusError(f"{self.camera}: session {self.session} has ended: open another.")
        return BusError(
            f"{self.camera}: the server expects frame {reply[1].decode()} of session"
            f" {self.session}, not {self._next_seq}: a frame whose publishing failed must be sent"
            " again before others."
        )

    def _lost(self) -> SessionLostError:
        return SessionLostError(
            f"{self.camera}: the server doesn't know this camera or session {self.session}:"
            " it lost its memory, or the camera was never registered."
        )
