"""The worker of the queue: RQ's, with a fresh process for each job.

The worker itself holds no torch and no decoder, so forking it is cheap and safe; those are imported
in a job's own process, and whatever happens to that, the worker goes on. A job's process dies with
its worker, and then the job is done by another: an analysis where it was.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import threading
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from rq import Worker
from rq.exceptions import InvalidJobOperation
from rq.serializers import JSONSerializer

from app.jobs.queue import JobMeta, JobQueue, KnownJob, keep_step, request_of, save_meta
from ghostpose.bus.heartbeats import worker_name
from ghostpose.errors import BusUnavailableError, DecodeError, GhostposeError, UserError
from ghostpose.metrics import (
    JOBS,
    WAITING_JOBS,
    count,
    forget_gauges_of,
    heartbeat_taken,
    put,
    turned,
)
from ghostpose.redaction import without_password

if TYPE_CHECKING:
    from rq import Queue
    from rq.job import Job

    from app.jobs.progress import Step
    from app.jobs.requests import Site

ROLE: Final = "jobs"

LOOK_EVERY_S: Final = 3
"""How long a worker waits for a job before it says that it lives."""

BEAT_S: Final = 5
"""How often it says that a job is being done."""

DEAD_S: Final = 20
"""A job of which nobody has said so for so long is taken from its worker: that one died."""

CLEAN_EVERY_S: Final = 10
"""How often a worker that has nothing to do looks for such jobs."""

PRELOADED: Final = ("app.jobs.exports", "app.jobs.report", "app.jobs.retention")
"""Imported once, since forking does them no harm: jobs then begin at once."""

LONGEST_WAIT_S: Final = 5.0
"""How long a worker waits at most before it tries a server again that is away."""

ENDED: Final = frozenset({"finished", "failed", "stopped"})
"""States of a job that is over; in any other it is to be done again."""

_LIFE_LONGER_S: Final = 15
"""RQ waits for jobs for so much less than a worker's life."""

_PR_SET_PDEATHSIG: Final = 1

_log = logging.getLogger(f"{__name__}.JobWorker")


class JobWorker(Worker):
    """Does jobs one after the other, as the site it belongs to does them."""

    def __init__(self, queue: JobQueue, site: Site) -> None:
        super().__init__(
            [queue.rq],
            name=worker_name(ROLE),
            connection=queue.client,
            job_class=KnownJob,
            serializer=JSONSerializer,
            worker_ttl=LOOK_EVERY_S + _LIFE_LONGER_S,
            job_monitoring_interval=BEAT_S,
            maintenance_interval=CLEAN_EVERY_S,
            log_job_description=False,
        )
        self.log_result_lifespan = False
        self.max_connection_wait_time = LONGEST_WAIT_S
        self._queue, self._site = queue.rq, site

    def get_heartbeat_ttl(self, _: Job) -> int:
        """Return for how long what it says of a job holds."""
        return DEAD_S

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Say that it lives: to RQ, and to who watches, for whom an absent server is no hang."""
        turned(ROLE)
        super().heartbeat(timeout, pipeline)
        if pipeline is None:
            self._heard()

    def maintain_heartbeats(self, job: Job) -> None:
        """Say that it lives and that the job is being done."""
        super().maintain_heartbeats(job)
        self._heard()

    def _heard(self) -> None:
        heartbeat_taken(ROLE)
        put(WAITING_JOBS, self._queue.count)

    def monitor_work_horse(self, job: Job, queue: Queue) -> None:
        """Wait for the end of a job's process; count what came of it."""
        pid = self.horse_pid
        super().monitor_work_horse(job, queue)
        forget_gauges_of(pid)
        with suppress(InvalidJobOperation):  # it is forgotten already
            status = job.get_status().value
            count(JOBS, _kind_of(job), status if status in ENDED else "returned")

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Do a job, in its own process, which dies with the worker."""
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self.pid:
            os._exit(1)
        assert isinstance(job, KnownJob)
        job.work = partial(_do, job, self._site)
        super().main_work_horse(job, queue)

    def handle_warm_shutdown_request(self) -> None:
        """Asked to stop, end the job's process: another goes on with it, or begins it anew."""
        if self.horse_pid:
            self.kill_horse()

    def handle_work_horse_killed(self, job: Job, *how: Any) -> None:
        """Take over what the process kept of the job; being asked to stop costs it no try."""
        job.meta = job.get_meta(refresh=True)
        if self._stop_requested:
            job.retries_left = (job.retries_left or 0) + 1
        _log.warning("job %s: its process was ended (%s)", job.id, how[1])

    def handle_exception(self, job: Job, *_: Any) -> None:
        """Log a failure as one sentence, where RQ would log a trace."""
        _log.warning("job %s failed: %s", job.id, job.meta.get("problem"))

    def handle_job_failure(
        self, job: Job, queue: Queue, started_job_registry: Any = None, exc_string: str = ""
    ) -> None:
        """Keep the sentence, no trace."""
        if "problem" not in job.meta and not (job.should_retry or self._stopped_job_id == job.id):
            said = exc_string.strip("; \n").rpartition("\n")[2]
            job.meta["problem"] = f"its process died: {said}"
            save_meta(job)
        sentence = str(job.meta.get("problem", ""))
        super().handle_job_failure(job, queue, started_job_registry, sentence)


def work(queue: JobQueue, site: Site, *, until_empty: bool = False) -> None:
    """Do jobs until SIGTERM, or until none is left in the queue."""
    level = logging.getLogger().getEffectiveLevel()
    for name in ("rq.worker", "rq.job", "rq.registry", "rq.queue"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    for module in PRELOADED:
        import_module(module)
    JobWorker(queue, site).work(burst=until_empty, logging_level=None)


def _kind_of(job: Job) -> str:
    """Return a job's kind, if it is one of ours: a label is nothing for others to fill."""
    try:
        return request_of(job).kind
    except DecodeError:
        return "unknown"


def _do(job: Job, site: Site, *_: Any, **__: Any) -> Any:
    """Do a job in its process; its failure is kept as a sentence, and final if the user's."""
    from app.jobs.perform import perform
    from app.jobs.progress import Progress

    saving = threading.Lock()  # else what one thread wrote could be replaced by what was before

    def come_to(step: Step) -> None:
        with saving:
            keep_step(job, step)

    def opened(session: int) -> None:
        with saving:
            job.meta["session"] = session
            save_meta(job)

    try:
        return perform(
            request_of(job),
            site,
            Progress(come_to),
            former=JobMeta.of(job.meta).session,
            opened=opened,
        )
    except GhostposeError as error:
        _keep_problem(job, str(error), error.exit_code)
        if isinstance(error, UserError) and not isinstance(error, BusUnavailableError):
            job.retries_left = 0  # it would be the same again
        raise
    except Exception as error:
        reason = without_password(" ".join(f"{type(error).__name__}: {error}".split()))
        _keep_problem(job, f"internal error: {reason}", 1)
        raise


def _keep_problem(job: Job, sentence: str, exit_code: int) -> None:
    job.meta |= {"problem": sentence, "exit_code": exit_code}
    save_meta(job)
