"""One recording, played into a running deployment until all that comes of it is stored.

It is ingest's own code that plays it; here is who waits for the other roles. Who crashes may go on:
given the number of the session, frames that the server has are read again, but not sent.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from app.jobs.stored import opened_store
from app.store_drain import unstored
from ghostpose.bus import Bus
from ghostpose.bus.sessions import SessionState, session_end, session_state
from ghostpose.errors import (
    BusUnavailableError,
    ConfigError,
    GhostposeError,
    SourceError,
    StoreError,
)
from ingest.sources import probe
from postprocess.store.frames import spans
from postprocess.store.results import Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.jobs.progress import Progress
    from ghostpose.config import CameraConfig
    from ingest.report import CameraReport

POLL_S: Final = 0.2

STALL_S: Final = 120.0
"""Nothing was published, committed or stored for so long: it is given up."""

ROLES: Final = {"inference": "infer", "postprocess": "postprocess", "store": "store"}
"""Roles that must run somewhere, by the commands that start them."""

ROLES_S: Final = 5.0
"""How long is waited for them: they may be starting, too."""


class StalledError(GhostposeError):
    """A recording is no longer being worked on, though its end has not come."""


@dataclass(frozen=True, slots=True)
class Analysed:
    """What became of a recording: frames read; `gaps` are dead letters. None: not known."""

    camera: str
    session: int | None
    frames: int
    poses: int
    skipped: int
    gaps: int


def check_roles(bus: Bus) -> None:
    """See that every role that an analysis needs runs somewhere.

    Raises:
        ConfigError: one doesn't.
    """
    until_s = time.monotonic() + ROLES_S
    while missing := ROLES.keys() - {beat.role for beat in bus.workers()}:
        if time.monotonic() > until_s:
            role = min(missing)
            raise ConfigError(
                f"no {role} process runs in the deployment at {bus.address}: start ghostpose"
                f" {ROLES[role]}; without --redis a run on this machine has all it needs"
            )
        time.sleep(POLL_S)


def analyse(
    camera: CameraConfig,
    redis_url: str,
    play: Callable[[], CameraReport],
    progress: Progress,
    *,
    former: int | None = None,
) -> Analysed:
    """Play `camera`, a recording, by `play`; return when its poses are committed and stored.

    `former` is the session that it goes on with, if any.

    Raises:
        SourceError: it can't be opened, or broke; what came before is stored.
        ConfigError: no process runs that does a part of the work.
        StalledError: nothing goes on any more.
        BusUnavailableError: the server was away for long.
    """
    progress.begin(probe(camera).frames, "frames")
    with Bus.connect(redis_url) as bus:
        check_roles(bus)
        before = session_state(bus, camera.name)
        known = None if before is None or before.session == former else before.session
        watch = _Watch(bus, camera.name, progress, known)
        report = watch.until_all_is_done(play)
        return _summed_up(bus, camera.name, watch.session, report)


def _summed_up(bus: Bus, camera: str, session: int | None, report: CameraReport) -> Analysed:
    end = None if session is None else session_end(bus, camera, session)
    if report.problem is not None:
        raise (SourceError if report.exit_code == 2 else StalledError)(report.problem)
    if session is None or end is None:
        raise StalledError(f"camera {camera}: the end of its session was not published")
    counts = end.details
    gaps, skipped = _whole(counts.get("gaps")), counts.get("skipped")
    return Analysed(
        camera,
        session,
        frames=_whole(counts.get("frames_read")),
        poses=end.seq - gaps,
        skipped=sum(map(_whole, skipped.values())) if isinstance(skipped, dict) else 0,
        gaps=gaps,
    )


def check_stored(done: Analysed, store_url: str) -> None:
    """See that a store has every pose message of a recording that is done.

    The server keeps messages for so long only: a store that was away for longer has missed some.

    Raises:
        StoreError: it hasn't.
    """
    wanted = Selection(done.camera, done.session)
    with opened_store(store_url) as engine:
        found = sum(span.frames for span in spans(engine, wanted))
    if found != done.poses:
        raise StoreError(
            f"camera {done.camera}: {found} of {done.poses} frames of session {done.session} are in"
            " the store: see that this is the deployment's, and that it keeps up; then analyse anew"
        )


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


@dataclass(slots=True)
class _Watch:
    """Looks at how far a camera has come. `former`: a session that isn't the one waited for."""

    bus: Bus
    camera: str
    progress: Progress
    former: int | None
    session: int | None = None
    _seen: object = None
    _since_s: float = field(default_factory=time.monotonic)

    def until_all_is_done(self, play: Callable[[], CameraReport]) -> CameraReport:
        """Play in a thread of its own; return when nothing of it is left to commit or to store."""
        player = _Player(play)
        while True:
            playing = player.is_alive()
            if self._is_done() and not playing:
                return player.report()
            player.join(POLL_S) if playing else time.sleep(POLL_S)

    def _is_done(self) -> bool:
        """Look, tell the progress, and whether nothing is left of what was published."""
        try:
            state = session_state(self.bus, self.camera)
            waiting = unstored(self.bus, [self.camera])
        except BusUnavailableError:
            self._mind_the_stall(self._seen, "the server is away")
            return False
        if state is None or state.session == self.former:
            return True
        self.session = state.session
        self.progress.reach(state.committed)
        self._mind_the_stall((state, waiting), _left(state, waiting))
        return not (state.in_flight or waiting)

    def _mind_the_stall(self, seen: object, left: str) -> None:
        if seen != self._seen:
            self._seen, self._since_s = seen, time.monotonic()
        elif time.monotonic() - self._since_s > STALL_S:
            raise StalledError(
                f"camera {self.camera}: nothing has come of it for {STALL_S:.0f} s ({left}): see"
                " that inference, post-processing and store run"
            )


def _left(state: SessionState, waiting: int) -> str:
    return f"{state.in_flight} frames in flight, {waiting} messages not stored"


class _Player:
    """Plays in a daemon thread: a stalled analysis ends without waiting for it."""

    def __init__(self, play: Callable[[], CameraReport]) -> None:
        self._play = play
        self._report: CameraReport | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether it still plays."""
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        """Wait for its end for so long."""
        self._thread.join(timeout_s)

    def report(self) -> CameraReport:
        """Return how it ended; raise what ended it otherwise."""
        if self._failure is not None:
            raise self._failure
        assert self._report is not None
        return self._report

    def _run(self) -> None:
        try:
            self._report = self._play()
        except BaseException as failure:
            self._failure = failure
