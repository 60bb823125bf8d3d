"""How a command gets something done: now, in its own process, or by a job of the queue."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from app.jobs.bars import shown
from app.jobs.perform import perform
from app.jobs.progress import Progress
from app.jobs.requests import Site
from app.settings import read_config
from app.stopping import StopAskedError, stop_signals_raised
from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from app.jobs.bars import Bars
    from app.jobs.perform import Result
    from app.jobs.queue import JobQueue, JobState
    from app.jobs.requests import AnyRequest
    from ghostpose.config import GhostposeConfig

LOOK_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Way:
    """What a command line says of how: `queued` as jobs at `jobs_url`, else now and at `site`.

    `wait`: follow the jobs to their end.
    """

    config: GhostposeConfig
    queued: bool
    wait: bool
    jobs_url: str

    @property
    def site(self) -> Site:
        """Where it is done if it is done now."""
        return Site(self.config.redis.url, self.config.store.url)


def way_of(
    config: Path | None,
    *,
    redis: str | None = None,
    store: str | None = None,
    jobs: str | None = None,
    queue: bool = False,
    wait: bool = False,
) -> Way:
    """Read what the options say.

    Raises:
        ConfigError: options that don't go together.
    """
    if wait and not queue:
        raise ConfigError("--wait follows a job of the queue: add --queue, or leave it out")
    if queue and store is not None:
        raise ConfigError(
            "--queue leaves the store to who does the job (ghostpose jobs work --store): leave"
            " --store out"
        )
    settings = read_config(config, redis={"url": redis}, store={"url": store})
    return Way(settings, queue, wait, jobs_url_of(settings, jobs))


def open_queue(url: str) -> JobQueue:
    """Connect to the queue at `url`.

    Raises:
        ConfigError: RQ isn't installed.
        BusUnavailableError: no server answers there.
        JobError: it is a cluster.
    """
    try:
        from app.jobs.queue import JobQueue
    except ModuleNotFoundError as error:
        if error.name != "rq":
            raise
        raise ConfigError(
            "jobs need RQ, which is not installed: pip install 'ghostpose[jobs]', or leave --queue"
            " out"
        ) from error
    return JobQueue.connect(url)


def jobs_url_of(settings: GhostposeConfig, given: str | None) -> str:
    """Return the address of the queue's server."""
    return given or settings.jobs.url or settings.redis.url


def do_now(name: str, request: AnyRequest, site: Site) -> Result:
    """Do it here, with a bar; a stop signal leaves nothing half done behind.

    Raises:
        GhostposeError: what was wrong.
    """
    with shown() as bars:
        try:
            with stop_signals_raised():
                return perform(request, site, Progress(bars.of(name)))
        except StopAskedError as asked:
            raise SystemExit(asked.exit_code) from None


def follow(queue: JobQueue, names: Mapping[str, str]) -> list[JobState]:
    """Show bars of jobs (`names` by id) until all are over; return how each ended.

    Who stops following stops no job.
    """
    over: dict[str, JobState] = {}
    with shown() as bars:
        while True:
            for job_id in names.keys() - over.keys():
                state = queue.state(job_id)
                bars.show(names[job_id], state.step)
                if state.is_over:
                    over[job_id] = state
                    _tell(bars, names[job_id], state)
            if len(over) == len(names):
                return [over[job_id] for job_id in names]
            time.sleep(LOOK_EVERY_S)


def _tell(bars: Bars, name: str, state: JobState) -> None:
    if state.status != "finished":
        bars.say(f"ghostpose: {state.problem or f'{name}: the job was {state.status}'}")


def exit_code_of(states: Sequence[JobState]) -> int:
    """Return the worst of the jobs' exit codes: ours (1) before the user's (2) before none (0)."""
    codes = {0 if state.status == "finished" else state.exit_code for state in states}
    return next((code for code in (1, 2) if code in codes), max(codes, default=0))


def moment(option: str, text: str | None) -> float | None:
    """Return a time as written, in Unix seconds; without a time zone it is this machine's.

    Raises:
        ConfigError: it is none.
    """
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise ConfigError(
            f"{option} {text[:80]}: this is no time: write 2026-11-25 or 2026-11-25T08:30"
        ) from error
