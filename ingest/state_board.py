"""What a camera's process says of the camera: kept here, published with each heartbeat."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from ghostpose.bus.camera_states import publish_camera_state
from ghostpose.codec.camera_state import CameraCounts, CameraState

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.bus import Bus
    from ghostpose.codec.camera_state import CameraStatus
    from ingest.counters import Tally


class StateBoard:
    """The state of one camera, written by its threads and read by the one that publishes.

    `now_s` is the server's clock; `counts` gives the counters whenever they are asked for;
    `news` is called when the status changes, so that it is published at once.
    """

    def __init__(
        self,
        camera: str,
        worker: str,
        now_s: Callable[[], float],
        counts: Callable[[], CameraCounts],
    ) -> None:
        self.now_s, self._counts = now_s, counts
        self._lock = threading.Lock()
        self._state = CameraState(
            camera, "opening", now_s(), worker, socket.gethostname(), os.getpid()
        )
        self._closed = False
        self.news: Callable[[], None] = lambda: None

    def change(self, status: CameraStatus, problem: str | None = None) -> None:
        """Say what the camera does from now on, and what went wrong, if something did."""
        now_s = self.now_s()
        with self._lock:
            changed = self._state.status != status
            if changed:
                self._state = replace(self._state, status=status, since=now_s)
            if problem is not None:
                changed = changed or self._state.problem != problem
                self._state = replace(self._state, problem=problem, problem_at=now_s)
        if changed:
            self.news()

    def opened(self, session: int, source: str) -> None:
        """Say that a session began."""
        with self._lock:
            self._state = replace(self._state, session=session, source=source)

    def saw(self) -> None:
        """Say that a picture came just now."""
        now_s = self.now_s()
        with self._lock:
            self._state = replace(self._state, last_seen=now_s)

    def state(self) -> CameraState:
        """Return the state of now."""
        with self._lock:
            return replace(self._state, counts=self._counts())

    def close(self) -> None:
        """Publish nothing any more, since another process has the camera."""
        self._closed = True

    def publish(self, bus: Bus) -> None:
        """Publish the state of now; raises what `publish_camera_state` does."""
        if not self._closed:
            publish_camera_state(bus, self.state())


def counts_of(total: Tally, reconnects: int) -> CameraCounts:
    """Return what a state carries of a camera's counters."""
    return CameraCounts(
        read=total.read,
        decoded=total.decoded,
        published=total.published,
        skipped=total.skipped,
        decode_errors=total.skipped.get("decode", 0),
        clock_repairs=total.clock_repairs,
        reconnects=reconnects,
    )
