"""Analyses of several recordings by one command, without the queue.

In a running deployment, or else by a whole pipeline of this command's own, as `ghostpose run` has.
What is wrong with one recording holds up no other. What was done before is not done again, and what
was cut off is completed: in a deployment where it was, else anew, in place of what there is of it.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from app.jobs.analysis import Analysed, analyse, check_roles
from app.jobs.bars import shown
from app.jobs.books import Books, site_of
from app.jobs.journal import Journal, note_opened, recording_of
from app.jobs.progress import Progress
from app.pipeline import probe_all
from app.runner import RunRequest, run_request
from ghostpose.bus import Bus
from ghostpose.bus.sessions import session_state
from ghostpose.errors import ConfigError, GhostposeError, SourceError
from ingest.supervisor import run_ingest

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from app.jobs.bars import Bars
    from app.summary import Summary
    from ghostpose.config import CameraConfig, GhostposeConfig
    from ingest.report import CameraReport


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a recording. `problem` is one sentence, `exit_code` what comes of it."""

    camera: str
    done: Analysed | None
    problem: str | None = None
    exit_code: int = 0


def analyse_in_deployment(
    cameras: Sequence[CameraConfig],
    redis_url: str,
    parallel: int,
    stop: threading.Event,
    *,
    again: bool = False,
) -> list[Outcome]:
    """Play recordings, so many at a time, into the deployment at `redis_url`, until all is stored.

    `stop` leaves the sessions that are played to the next call; `again`: also what was done.

    Raises:
        BusUnavailableError: no server answers there.
        ConfigError: no process runs that does a part of the work.
    """
    with Bus.connect(redis_url) as bus:
        check_roles(bus)
    with shown() as bars, ThreadPoolExecutor(parallel) as pool:
        one = _One(redis_url, bars, stop, Journal.of(redis_url, bars.say), again)
        return list(pool.map(one.outcome, cameras))


@dataclass(frozen=True, slots=True)
class _One:
    """Plays one recording into a deployment. Fields as those of `analyse_in_deployment`."""

    redis_url: str
    bars: Bars
    stop: threading.Event
    journal: Journal
    again: bool

    def outcome(self, camera: CameraConfig) -> Outcome:
        try:
            if not self.stop.is_set():
                return self._played(camera)
            problem, code = self._stopped(camera), 1
        except GhostposeError as error:
            problem, code = str(error), error.exit_code
            if self.stop.is_set():
                problem, code = self._stopped(camera), 1
        self.bars.say(f"ghostpose: {problem}")
        return Outcome(camera.name, None, problem, code)

    def _stopped(self, camera: CameraConfig) -> str:
        return f"camera {camera.name}: stopped before its end; the same command goes on with it"

    def _played(self, camera: CameraConfig) -> Outcome:
        now_ms, recording = round(time.time() * 1000), recording_of(camera)
        with Bus.connect(self.redis_url) as bus:
            state = session_state(bus, camera.name)
        # Who knows nothing of the camera is another server, or has lost its memory.
        again = self.again or state is None
        entry = self.journal.begin(camera.name, recording, now_ms, again=again)
        if entry.done is not None:
            return _known(entry.done, self.bars)
        former = state.session if state is not None and state.session in entry.sessions else None

        def play() -> CameraReport:
            before = {} if former is None else {camera.name: former}
            (report,) = run_ingest(
                self.redis_url,
                [camera],
                self.stop,
                former=before,
                leave_open=True,
                opened=partial(note_opened, self.journal.folder, camera.name),
            )
            return report

        progress = Progress(self.bars.of(camera.name))
        done = analyse(camera, self.redis_url, play, progress, former=former)
        self.journal.note_done(camera.name, done)
        return Outcome(camera.name, done)


def _known(done: Analysed, bars: Bars) -> Outcome:
    bars.say(
        f"ghostpose: camera {done.camera}: was analysed before (session {done.session},"
        f" {done.poses} poses), and is not done again; --again does it anew"
    )
    return Outcome(done.camera, done)


def analyse_here(
    config: GhostposeConfig,
    cameras: Sequence[CameraConfig],
    child_options: tuple[str, ...],
    *,
    again: bool = False,
) -> list[Outcome]:
    """Play recordings through a pipeline on this machine, with a server of its own.

    `again`: also what was done before.

    Raises:
        ConfigError: there is no store.
    """
    if config.store.url is None:
        raise ConfigError(
            "where are the results to be kept? Give --store URL, or see ghostpose run"
        )
    fit, outcomes = [], {}
    with shown() as bars:
        books = Books(Journal.of(site_of(config.store.url), bars.say), config.store.url)
        for camera in cameras:
            try:
                probe_all(config.model_copy(update={"cameras": (camera,)}))
                recording = recording_of(camera, config.inference.model_dump_json())
                done = books.begin(camera.name, recording, again=again)
            except SourceError as error:
                bars.say(f"ghostpose: {error}")
                outcomes[camera.name] = Outcome(camera.name, None, str(error), error.exit_code)
                continue
            if done is None:
                fit.append(camera)
            else:
                outcomes[camera.name] = _known(done, bars)
    if fit:
        chosen = config.model_copy(update={"cameras": tuple(fit)})
        outcomes |= _run(chosen, child_options, books)
    return [outcomes[camera.name] for camera in cameras]


def _run(
    config: GhostposeConfig, child_options: tuple[str, ...], books: Books
) -> dict[str, Outcome]:
    result = run_request(
        RunRequest(config, None, embedded=True, child_options=child_options, watch=books.look)
    )
    books.close()
    code = result.exit_code if result.exit_code in (1, 2) else 0
    return {
        name: Outcome(name, _analysed(name, summary), exit_code=code)
        for name, summary in result.cameras.items()
    }


def _analysed(camera: str, summary: Summary) -> Analysed:
    return Analysed(camera, None, summary.frames, summary.poses, summary.skipped, summary.dead)
