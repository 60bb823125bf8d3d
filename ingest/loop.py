"""One camera from its opening to its end: sessions, one after another if the server forgets."""

from __future__ import annotations

import logging
from dataclasses import replace
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
from ingest.counters import Counters
from ingest.never import check_server
from ingest.prepare import plan_for
from ingest.previews import Previews
from ingest.report import CameraReport
from ingest.session import Session
from ingest.sources import open_source

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from ghostpose.config import CameraConfig
    from ingest.sources import Source

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


class CameraLoop:
    """Opens the source and a session, plays it, and begins anew if the server lost its memory.

    A recording then starts again from its beginning, in a new session.
    """

    def __init__(
        self,
        camera: CameraConfig,
        bus_url: str,
        stop: threading.Event,
        partitions: int | None = None,
    ) -> None:
        self._camera, self._bus_url, self._stop = camera, bus_url, stop
        self._partitions = partitions
        outage_s = None if camera.policy == "latest" else RECORDING_OUTAGE_S
        self._patience = Patience(camera.name, stop, outage_s)
        self._counters = Counters()
        self._sessions = 0

    def run(self) -> CameraReport:
        """See `run_camera`."""
        try:
            with (
                self._patience.call(self._connect, wait_when_full=True) as bus,
                Heartbeats(bus, "ingest", worker_name("ingest", self._camera.name), self._load),
                Previews(bus, self._camera) as previews,
            ):
                problem = self._play_sessions(bus, previews)
        except StaleSessionError as error:
            return self._superseded(error)
        except GhostposeError as error:
            return replace(self._report(self._named(error)), exit_code=error.exit_code)
        return self._report(problem)

    def _connect(self) -> Bus:
        return Bus.connect(self._bus_url, partitions=self._partitions, timeout_s=CONNECT_S)

    def _load(self) -> Mapping[str, float]:
        return self._counters.tally().as_load()

    def _report(self, problem: str | None) -> CameraReport:
        return CameraReport(
            self._camera.name,
            self._counters.tally(),
            self._sessions,
            problem,
            0 if problem is None else USER_MISTAKE,
        )

    def _named(self, error: GhostposeError) -> str:
        """Name the camera, for errors of the bus that don't."""
        text, prefix = str(error), f"camera {self._camera.name}: "
        return text if text.startswith(prefix) else prefix + text

    def _superseded(self, error: StaleSessionError) -> CameraReport:
        """Another process has the camera now: as it should be for a live one, else a mistake."""
        _log.warning(
            "camera %s: stops, since another ingest process has opened a newer session (%s)",
            self._camera.name, error,
        )  # fmt: skip
        problem = None
        if self._camera.policy != "latest":
            problem = (
                f"camera {self._camera.name}: stopped before its end, since another ingest process"
                " plays it too"
            )
        return replace(self._report(problem), superseded=True)

    def _play_sessions(self, bus: Bus, previews: Previews) -> str | None:
        """Play until a session comes to its end; return what the source has to say about it."""
        while True:
            source = self._open_source()
            try:
                self._play(bus, source, previews)
            except SessionLostError as error:
                _log.warning(
                    "camera %s: begins a new session, since the server lost its memory (%s)",
                    self._camera.name, error,
                )  # fmt: skip
            else:
                return source.ended_early
            if self._stop.is_set():
                return None

    def _open_source(self) -> Source:
        source = open_source(self._camera)
        try:
            plan_for(self._camera, source.info.width, source.info.height)
        except SourceError:
            source.close()
            raise
        return source

    def _play(self, bus: Bus, source: Source, previews: Previews) -> None:
        try:
            publisher = self._patience.call(lambda: self._open_session(bus), wait_when_full=True)
        except GhostposeError:
            source.close()
            raise
        self._sessions += 1
        self._counters = Counters()
        _log.info(
            "camera %s: session %d: %s",
            self._camera.name, publisher.session, source.info.description,
        )  # fmt: skip
        # By the server's clock, which workers measure a frame's age by: machines' need not agree.
        clock = ServerClock(bus)
        Session(
            self._camera,
            source,
            publisher,
            self._counters,
            self._patience,
            now_s=lambda: clock.now_ms() / 1000,
            previews=previews,
        ).play()

    def _open_session(self, bus: Bus) -> FramePublisher:
        name = self._camera.name
        check_server(bus, self._camera)
        bus.register_camera(name, policy=self._camera.policy, credit=self._camera.credit)
        publisher = FramePublisher(bus, name)
        publisher.open_session()
        return publisher
