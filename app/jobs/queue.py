"""The queue of jobs: RQ on a single server, JSON throughout, and only work that ghostpose knows.

RQ's own default, pickle, would run whatever somebody with access to the server wrote there. A job
here is its kind and a request as JSON, which is checked before anything is done.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError
from rq import Queue
from rq.command import send_stop_job_command
from rq.exceptions import NoSuchJobError, StopRequested
from rq.job import Job, JobStatus, Retry
from rq.serializers import JSONSerializer

from app.jobs.progress import Step
from app.jobs.requests import REQUEST
from ghostpose.errors import DecodeError, JobError
from ghostpose.redaction import without_password
from ghostpose.server import connect, is_cluster, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime

    import redis

    from app.jobs.requests import AnyRequest

QUEUE: Final = "ghostpose"
"""Name of our own queue: other programs' jobs on the same server are not touched."""

KEPT_S: Final = 7 * 86_400
"""How long finished, failed and cancelled jobs are listed."""

TRIES_MORE: Final = 3
"""How often a job is done again whose worker died, or that failed for no mistake of the user's."""

CONNECT_S: Final = 5.0

OVER: Final = frozenset({"finished", "failed", "stopped", "canceled"})
"""States that a job stays in."""

_log = logging.getLogger(f"{__name__}.JobQueue")


class _Kept(BaseModel):
    """What a job's meta may hold; anything else that stands there is passed over."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class JobProgress(_Kept):
    """How far a job has come, as its meta says it."""

    done: int = 0
    total: int | None = None
    unit: str = ""


class JobMeta(_Kept):
    """What a job's process writes beside it: progress, session of an analysis, what went wrong."""

    progress: JobProgress = JobProgress()
    session: int | None = None
    problem: str | None = None
    exit_code: int = 1

    @classmethod
    def of(cls, meta: Any) -> JobMeta:
        """Read a meta, whatever is in it: what can't be read counts as not there."""
        try:
            return cls.model_validate(meta)
        except ValidationError:
            return cls()


class KnownJob(Job):
    """A job of ours. `work` is what a worker does for it: RQ would import any function by name."""

    work: Callable[..., Any] | None = None

    @classmethod
    def fetch(cls, *which: Any, **how: Any) -> Job:
        """Read a job; under an id that no job can have there is none.

        Raises:
            NoSuchJobError: there is none, or what stands there can't be read.
        """
        try:
            return super().fetch(*which, **how)
        except ValueError as error:
            raise NoSuchJobError(f"no job has the id {which[0]!r}") from error

    def restore(self, raw_data: Any) -> None:
        """Read what the server has of it, but no callbacks, which RQ imports, and no webhooks.

        Raises:
            NoSuchJobError: it can't be read; RQ passes over that, and its workers end on all else.
        """
        try:
            super().restore(raw_data)
            _ = self.func_name  # else what it asks for is read only when somebody looks
        except (NoSuchJobError, StopRequested):
            raise
        except Exception as error:
            _log.warning("job %s is passed over: it can't be read: %r", self.id, error)
            raise NoSuchJobError(f"job {self.id} can't be read") from error
        self._success_callback_name = None
        self._failure_callback_name = None
        self._stopped_callback_name = None
        self.webhooks = []

    @property
    def func(self) -> Any:
        """What RQ calls with the job's arguments."""
        return self.work


@dataclass(frozen=True, slots=True)
class JobState:
    """A job as it is now. Times are Unix seconds, None if that hasn't happened."""

    id: str
    kind: str
    status: str
    about: str
    step: Step
    problem: str | None
    exit_code: int
    result: Any
    worker: str | None
    created_at: float | None
    started_at: float | None
    ended_at: float | None
    tries_left: int

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it, unless somebody asks for a retry."""
        return self.status in OVER


class JobQueue:
    """Adds jobs, looks at them, stops them, does them again."""

    def __init__(self, client: redis.Redis, address: str) -> None:
        self.client: Final = client
        self.address: Final = address
        self.rq: Final = Queue(
            QUEUE, connection=client, job_class=KnownJob, serializer=JSONSerializer
        )

    @classmethod
    def connect(cls, url: str) -> JobQueue:
        """Connect to the server that holds the queue.

        Raises:
            BusUnavailableError: none answers there.
            JobError: it is a cluster, on which RQ doesn't work.
        """
        client, address = connect(url, timeout_s=CONNECT_S), without_password(url)
        if is_cluster(client):
            client.close()
            raise JobError(
                f"the server at {address} is a Redis Cluster, and the queue of jobs (RQ) needs a"
                " single server: name one by GHOSTPOSE_JOBS_URL or --jobs"
            )
        return cls(client, address)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def __enter__(self) -> JobQueue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, request: AnyRequest, about: str) -> str:
        """Queue a request; return the job's id. `about` tells people what it is."""
        with translated(self.address):
            job = self.rq.enqueue_call(
                request.kind,
                kwargs={"request": request.model_dump(mode="json")},
                description=about,
                timeout=-1,  # recordings last as long as they last
                result_ttl=KEPT_S,
                failure_ttl=KEPT_S,
                retry=Retry(max=TRIES_MORE),
            )
        return str(job.id)

    def check_that_none_is_there(self, about: Collection[str]) -> None:
        """See that no job about one of these is waiting or being done.

        Raises:
            JobError: one is: two analyses of one camera would end each other.
        """
        for state in self.states():
            if state.about in about and not state.is_over:
                raise JobError(
                    f"{state.about}: job {state.id} does this already ({state.status}): wait for"
                    " it, cancel it, or give the recording's file another name"
                )

    def state(self, job_id: str) -> JobState:
        """Return one job.

        Raises:
            JobError: there is none of that id.
        """
        with translated(self.address):
            return _state_of(self._fetch(job_id))

    def states(self) -> list[JobState]:
        """Return all jobs that are known, oldest first."""
        with translated(self.address):
            states = list(self._states(dict.fromkeys(self._ids())))
        return sorted(states, key=lambda state: state.created_at or 0.0)

    def _states(self, ids: Iterable[str]) -> Iterator[JobState]:
        for job_id in ids:
            with suppress(JobError):  # it was removed meanwhile, or can't be read
                yield _state_of(self._fetch(job_id))

    def _ids(self) -> Iterator[str]:
        yield from self.rq.get_job_ids()
        # Looking is no cleaning: what died is found by workers.
        for registry in (
            self.rq.started_job_registry,
            self.rq.finished_job_registry,
            self.rq.failed_job_registry,
            self.rq.canceled_job_registry,
        ):
            yield from registry.get_job_ids(cleanup=False)

    def cancel(self, job_id: str) -> None:
        """Take a job out of the queue, or stop it if it is being done.

        Raises:
            JobError: there is none of that id, or it is over.
        """
        with translated(self.address):
            job = self._fetch(job_id)
            status = job.get_status()
            if status == JobStatus.STARTED:
                send_stop_job_command(self.client, job.id, serializer=JSONSerializer)
            elif status is not None and status.value in OVER:
                raise JobError(f"job {job_id} is over ({status.value}): nothing is left to cancel")
            else:
                job.cancel()
                self.client.expire(job.key, KEPT_S)

    def retry(self, job_id: str) -> None:
        """Queue a job again that failed or was stopped; an analysis goes on where it was.

        Raises:
            JobError: there is none of that id, or it neither failed nor was stopped.
        """
        with translated(self.address):
            job = self._fetch(job_id)
            status = job.get_status()
            if status not in (JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELED):
                found = "unknown" if status is None else status.value
                raise JobError(
                    f"job {job_id} is {found}: only a job that failed or was stopped is done again"
                )
            for registry in (self.rq.failed_job_registry, self.rq.canceled_job_registry):
                registry.remove(job)
            job.retries_left = TRIES_MORE
            for said in ("problem", "exit_code"):
                job.meta.pop(said, None)
            job.started_at = job.ended_at = None
            self.client.persist(job.key)
            self.rq.enqueue_job(job)

    def _fetch(self, job_id: str) -> Job:
        try:
            return KnownJob.fetch(job_id, connection=self.client, serializer=JSONSerializer)
        except NoSuchJobError as error:
            raise JobError(
                f"there is no job {job_id[:80]!r}; ghostpose jobs list shows those there are"
            ) from error


def request_of(job: Job) -> AnyRequest:
    """Return what a job asks for.

    Raises:
        DecodeError: it is none of ours.
    """
    try:
        return REQUEST.validate_python(job.kwargs.get("request"))
    except (ValidationError, AttributeError) as error:
        raise DecodeError(f"job {job.id}: it asks for nothing that this ghostpose knows") from error


def keep_step(job: Job, step: Step) -> None:
    """Put how far a job has come into its meta."""
    job.meta["progress"] = {"done": step.done, "total": step.total, "unit": step.unit}
    save_meta(job)


def save_meta(job: Job) -> None:
    """Write a job's meta; RQ has no types for that."""
    job.save_meta()  # type: ignore[no-untyped-call]


def _state_of(job: Job) -> JobState:
    status, meta = job.get_status(refresh=False), JobMeta.of(job.meta)
    return JobState(
        id=job.id,
        kind=str(job.func_name),
        status="unknown" if status is None else status.value,
        about=str(job.description),
        step=Step(meta.progress.done, meta.progress.total, meta.progress.unit),
        problem=meta.problem,
        exit_code=meta.exit_code,
        result=job.return_value() if status == JobStatus.FINISHED else None,
        worker=job.worker_name or None,
        created_at=_unix(job.created_at),
        started_at=_unix(job.started_at),
        ended_at=_unix(job.ended_at),
        tries_left=int(job.retries_left or 0),
    )


def _unix(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
