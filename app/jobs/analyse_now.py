"""Analyses of several recordings by one command, without the queue.

In a running deployment, or else by a whole pipeline of this command's own, as `ghostpose run` has.
What is wrong with one recording holds up no other.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from app.jobs.analysis import Analysed, analyse, check_roles
from app.jobs.bars import shown
from app.jobs.progress import Progress
from app.pipeline import probe_all
from app.runner import RunRequest, run_request
from ghostpose.bus import Bus
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
    cameras: Sequence[CameraConfig], redis_url: str, parallel: int, stop: threading.Event
) -> list[Outcome]:
    """Play recordings, so many at a time, into the deployment at `redis_url`, until all is stored.

    `stop` ends the sessions that are played in order.

    Raises:
        BusUnavailableError: no server answers there.
        ConfigError: no process runs that does a part of the work.
    """
    with Bus.connect(redis_url) as bus:
        check_roles(bus)
    with shown() as bars, ThreadPoolExecutor(parallel) as pool:
        return list(pool.map(partial(_one, redis_url, bars, stop), cameras))


def _one(redis_url: str, bars: Bars, stop: threading.Event, camera: CameraConfig) -> Outcome:
    def play() -> CameraReport:
        (report,) = run_ingest(redis_url, [camera], stop)
        return report

    try:
        if stop.is_set():
            return _stopped(camera, None)
        done = analyse(camera, redis_url, play, Progress(bars.of(camera.name)))
    except GhostposeError as error:
        bars.say(f"ghostpose: {error}")
        return Outcome(camera.name, None, str(error), error.exit_code)
    return _stopped(camera, done) if stop.is_set() else Outcome(camera.name, done)


def _stopped(camera: CameraConfig, done: Analysed | None) -> Outcome:
    return Outcome(camera.name, done, f"camera {camera.name}: stopped before its end", 1)


def analyse_here(
    config: GhostposeConfig, cameras: Sequence[CameraConfig], child_options: tuple[str, ...]
) -> list[Outcome]:
    """Play recordings through a pipeline on this machine, with a server of its own.

    Raises:
        ConfigError: there is no store.
    """
    if config.store.url is None:
        raise ConfigError(
            "where are the results to be kept? Give --store URL, or see ghostpose run"
        )
    fit, outcomes = [], {}
    with shown() as bars:
        for camera in cameras:
            try:
                probe_all(config.model_copy(update={"cameras": (camera,)}))
                fit.append(camera)
            except SourceError as error:
                bars.say(f"ghostpose: {error}")
                outcomes[camera.name] = Outcome(camera.name, None, str(error), error.exit_code)
    if fit:
        outcomes |= _run(config.model_copy(update={"cameras": tuple(fit)}), child_options)
    return [outcomes[camera.name] for camera in cameras]


def _run(config: GhostposeConfig, child_options: tuple[str, ...]) -> dict[str, Outcome]:
    result = run_request(RunRequest(config, None, embedded=True, child_options=child_options))
    code = result.exit_code if result.exit_code in (1, 2) else 0
    return {
        name: Outcome(name, _analysed(name, summary), exit_code=code)
        for name, summary in result.cameras.items()
    }


def _analysed(camera: str, summary: Summary) -> Analysed:
    return Analysed(camera, None, summary.frames, summary.poses, summary.skipped, summary.dead)
