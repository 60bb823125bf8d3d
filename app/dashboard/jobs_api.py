"""Jobs: what was queued, how far it has come; stopped and done again, as `ghostpose jobs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel

from app.dashboard.access import Admin, TheAddress, TheContext, Viewer
from ghostpose.errors import ConfigError, JobError

if TYPE_CHECKING:
    from app.jobs.queue import JobState

router = APIRouter(prefix="/api", tags=["jobs"])

MAX_JOBS: Final = 200
"""The newest are listed."""

JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,80}$")]


class JobRow(BaseModel):
    """A job as it is now. Times are Unix seconds, null if that hasn't happened."""

    job: str
    kind: str
    about: str
    status: str
    is_over: bool
    done: int
    total: int | None
    unit: str
    problem: str | None
    created_at: float | None
    started_at: float | None
    ended_at: float | None


class Jobs(BaseModel):
    """The newest jobs, the newest first. `why_none`: why there is no queue, if there is none."""

    jobs: list[JobRow]
    why_none: str | None = None


@router.get("/jobs")
def jobs(_: Viewer, context: TheContext) -> Jobs:
    """List jobs: those of the last week, and all that are not over."""
    try:
        states = context.queue.queue().states()
    except (ConfigError, JobError) as error:
        return Jobs(jobs=[], why_none=str(error))
    return Jobs(jobs=[_row(state) for state in reversed(states[-MAX_JOBS:])])


@router.post("/jobs/{job}/cancel", status_code=204)
def cancel(job: JobId, who: Admin, address: TheAddress, context: TheContext) -> None:
    """Take a job out of the queue, or stop it if it is being done."""
    try:
        context.queue.queue().cancel(job)
    except JobError as error:
        raise HTTPException(409, str(error)) from error
    context.audit.note(who, address, "cancelled job", job)


@router.post("/jobs/{job}/retry", status_code=204)
def retry(job: JobId, who: Admin, address: TheAddress, context: TheContext) -> None:
    """Queue a job again that failed or was stopped."""
    try:
        context.queue.queue().retry(job)
    except JobError as error:
        raise HTTPException(409, str(error)) from error
    context.audit.note(who, address, "retried job", job)


def _row(state: JobState) -> JobRow:
    return JobRow(
        job=state.id,
        kind=state.kind,
        about=state.about,
        status=state.status,
        is_over=state.is_over,
        done=state.step.done,
        total=state.step.total,
        unit=state.step.unit,
        problem=state.problem,
        created_at=state.created_at,
        started_at=state.started_at,
        ended_at=state.ended_at,
    )
