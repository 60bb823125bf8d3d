"""One camera from its opening to its end: sessions, one after another.

A live source that ends or breaks is opened again, for ever; a recording only if the server lost its
memory of it.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ghostpose.bus import Bus, FramePublisher
from ghostpose.bus.clock import ServerClock
from ghostpose.bus.heartbeats import Heartbeats, worker_name
from ghostpose.errors import (
    GhostposeError,
    SessionLostError,
    SourceError,
    StaleSessionError,
)
from ingest.backoff import Patience
from ingest.counters import Counters, Tally
from ingest.lateness import ClockTrust
from ingest.metering import Metering
from ingest.opening import Opening, StuckError
from ingest.previews import Previews
from ingest.privacy import check_server, forget_what_was_kept
from ingest.reopening import Reopening
from ingest.report import CameraReport
from ingest.session import Session
from ingest.state_board import StateBoard, counts_of
from ingest.stillness import Stillness
from ingest.watchdog import TroubleError, Watchdog

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from ghostpose.codec.camera_state import CameraCounts, CameraStatus
    from ghostpose.config import CameraConfig
    from ingest.sources import Source, SourceInfo

RECORDING_OUTAGE_S: Final = 120.0
"""How long a recording waits for a server that is away; a live camera waits for ever."""

CONNECT_S: Final = 2.0
"""How long the bus itself tries each time; `Patience` tries again, unless it is time to stop."""

USER_MISTAKE: Final = 2

_log = logging.getLogger("ingest.CameraLoop")


def run_camera(
    camera: CameraConfig, bus_url: str, stop: threading.Event, partitions: int | None = None
) -> CameraReport:
    """Play one camera until its source ends or `stop` is set, and report how that went.

    Nothing that ghostpose raises on purpose leaves this function: it becomes the report's problem.
    """
    return CameraLoop(camera, bus_url, stop, partitions).run()


@dataclass(frozen=True, slots=True)
class _Around:
    """What a camera's loop speaks to: the bus, who reads the camera's state, who looks at it."""

    bus: Bus
    board: StateBoard
    previews: Previews


class CameraLoop:
    """Opens the source and a session, plays it, and begins anew as long as there is a reason to.

    `opened` is told the number of each session. A recording goes on with session `resume`, that of
    a process that crashed, if the server still knows it.
    """

    def __init__(
        self,
        camera: CameraConfig,
        bus_url: str,
        stop: threading.Event,
        partitions: int | None = None,
        resume: int | None = None,
        opened: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._camera, self._bus_url, self._stop = camera, bus_url, stop
        self._newest_session, self._opened = resume, opened
        self._partitions = partitions
        outage_s = None if camera.policy == "latest" else RECORDING_OUTAGE_S
        self._patience = Patience(camera.name, stop, outage_s)
        self._reopens = camera.reopens
        self._reopening = Reopening(camera.name, stop)
        self._stillness, self._trust = Stillness(), ClockTrust(camera.name)
        self._counters, self._before = Counters(), Tally()
        self._sessions = 0
        self._playing: Session | None = None
        self._metering = Metering(camera.name)

    def adopt(self, camera: CameraConfig) -> None:
        """Go on by these settings, from any thread; only such that `only_prepares` differ."""
        self._camera, playing = camera, self._playing
        if playing is not None:
            playing.adopt(camera)

    def run(self) -> CameraReport:
        """See `run_camera`."""
        try:
            with self._patience.call(self._connect, wait_when_full=True) as bus:
                return self._run_on(bus)
        except GhostposeError as error:
            return self._failed(error)

    def _run_on(self, bus: Bus) -> CameraReport:
        # By the server's clock, which workers measure a frame's age by: machines' need not agree.
        clock, worker = ServerClock(bus), worker_name("ingest", self._camera.name)
        clock.now_ms()
        board = StateBoard(self._camera.name, worker, lambda: clock.known_ms() / 1000, self._counts)
        with (
            Heartbeats(
                bus,
                "ingest",
                worker,
                load=lambda: self._load(board),
                also=lambda: self._tell_state(clock, board, bus),
            ) as beats,
            Previews(bus, self._camera) as previews,
        ):
            board.news = beats.beat_now
            report = self._report_of(_Around(bus, board, previews))
            if report.superseded:
                board.close()
            board.change("waiting" if report.stuck else "ended", report.problem)
        if not report.stuck:
            self._metering.end()
        return report

    def _tell_state(self, clock: ServerClock, board: StateBoard, bus: Bus) -> None:
        clock.now_ms()  # here, where waiting for the server holds up nothing
        self._metering.note(self._total(), board.state())
        board.publish(bus)

    def _report_of(self, around: _Around) -> CameraReport:
        try:
            return self._report(self._play_sessions(around))
        except StaleSessionError as error:
            return self._superseded(error)
        except GhostposeError as error:
            return self._failed(error)

    def _connect(self) -> Bus:
        return Bus.connect(self._bus_url, partitions=self._partitions, timeout_s=CONNECT_S)

    def _total(self) -> Tally:
        return self._before.plus(self._counters.tally())

    def _load(self, board: StateBoard) -> Mapping[str, float]:
        return self._total().as_load() | {
            "reconnects": float(self._reopening.reconnects),
            "last_seen": board.state().last_seen,
        }

    def _counts(self) -> CameraCounts:
        return counts_of(self._total(), self._reopening.reconnects)

    def _report(self, problem: str | None) -> CameraReport:
        return CameraReport(
            self._camera.name,
            self._counters.tally(),
            self._sessions,
            problem,
            0 if problem is None else USER_MISTAKE,
        )

    def _failed(self, error: GhostposeError) -> CameraReport:
        """Report an error; those of the bus don't name the camera."""
        text, prefix = str(error), f"camera {self._camera.name}: "
        problem = text if text.startswith(prefix) else prefix + text
        return replace(
            self._report(problem), exit_code=error.exit_code, stuck=isinstance(error, StuckError)
        )

    def _superseded(self, error: StaleSessionError) -> CameraReport:
        """Another process has the camera now: as it should be for a live one, else a mistake."""
        _log.warning(
            "camera %s: stops, since another ingest process has opened a newer session (%s); if"
            " that is another camera, give one of them another name",
            self._camera.name, error,
        )  # fmt: skip
        problem = None
        if self._camera.policy != "latest":
            problem = (
                f"camera {self._camera.name}: stopped before its end, since another ingest process"
                " plays it too"
            )
        return replace(self._report(problem), superseded=True)

    def _play_sessions(self, around: _Around) -> str | None:
        """Play until there is no reason to begin anew; return what the source has to say then."""
        while not self._stop.is_set():
            around.board.change("opening")
            try:
                source = Opening(self._camera).wait(self._stop)
                if source is None or self._play(around, source):
                    return None if source is None else self._last_word(around.board, source)
            except SourceError as error:
                if not self._reopens:
                    raise
                around.board.change("waiting", str(error))
                if not self._reopening.wait(error):
                    return None
        return None

    def _last_word(self, board: StateBoard, source: Source) -> str | None:
        if self._reopens and source.ended_early is None and not self._stop.is_set():
            ended = f"camera {self._camera.name}: its source is a recording, which came to its end"
            _log.warning("%s; say loop: true to play it for ever", ended)
            board.change("ended", ended)
        return source.ended_early

    def _play(self, around: _Around, source: Source) -> bool:
        """Play one session; False: begin anew at once, since the server lost its memory.

        Raises:
            SourceError: a live source broke, or came to an end, which it shouldn't.
        """
        try:
            publisher = self._patience.call(
                lambda: self._open_session(around.bus, source.info), wait_when_full=True
            )
        except GhostposeError:
            source.close()
            raise
        self._begin_counting(goes_on=publisher.session == self._newest_session)
        self._newest_session = publisher.session
        self._opened(publisher.session)
        around.board.opened(publisher.session, source.info.description)
        _log.info(
            "camera %s: session %d from frame %d: %s",
            self._camera.name, publisher.session, publisher.next_seq, source.info.description,
        )  # fmt: skip
        try:
            self._playing = self._session(around, source, publisher)
            self._playing.adopt(self._camera)  # settings may have come since it was made
            self._playing.play()
        except SessionLostError as error:
            self._counters.close()
            _log.warning(
                "camera %s: plays again, since the server lost its memory (%s)",
                self._camera.name, error,
            )  # fmt: skip
            return False
        except TroubleError as error:
            if error.wrong == "late":
                self._trust.late(time.monotonic())
            raise
        if source.info.live and not self._stop.is_set():
            raise SourceError(
                source.ended_early or f"camera {self._camera.name}: its source came to an end"
            )
        return True

    def _session(self, around: _Around, source: Source, publisher: FramePublisher) -> Session:
        watchdog = None
        if source.info.live and self._camera.policy == "latest":  # `every` waits by itself
            watchdog = Watchdog(
                self._camera,
                source.info,
                self._stillness,
                time.monotonic(),
                by_arrival=not self._trust.trusted,
            )
        return Session(
            self._camera,
            source,
            publisher,
            self._counters,
            self._patience,
            now_s=around.board.now_s,
            previews=around.previews,
            watchdog=watchdog,
            tell=lambda status: self._told(around.board, status),
        )

    def _told(self, board: StateBoard, status: CameraStatus) -> None:
        """Hear from the reading thread what its latest picture means."""
        board.change(status)
        if status == "playing":
            board.saw()
            self._reopening.plays()

    def _begin_counting(self, *, goes_on: bool) -> None:
        """Count a session anew; what was counted of one that goes on is counted again."""
        self._sessions += 1
        if not goes_on:
            self._before = self._before.plus(self._counters.tally())
        self._counters = Counters()

    def _open_session(self, bus: Bus, source: SourceInfo) -> FramePublisher:
        """Open a new session; a recording goes on with that which the server still knows."""
        camera, name = self._camera, self._camera.name
        check_server(bus, camera)
        if not self._sessions:
            forget_what_was_kept(bus, camera)
        bus.register_camera(name, policy=camera.policy, credit=camera.credit, rules=camera.rules)
        publisher = FramePublisher(bus, name)
        former = self._newest_session if self._gives_the_same_again(source) else None
        if former is None or not publisher.resume_session(former):
            publisher.open_session()
        return publisher

    def _gives_the_same_again(self, source: SourceInfo) -> bool:
        """Whether its frame of a number is the same each time it is opened."""
        return self._camera.policy == "every" and not (self._camera.loop or source.live)
