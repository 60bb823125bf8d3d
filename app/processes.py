"""The one table of processes: what runs, how many, what it needs and when it is started again.

`ghostpose run` starts its children from this table, and a test holds `docker-compose.yml` against
it, so that one machine and many run the same commands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["ingest", "inference", "postprocess", "store", "mirror", "link", "dashboard", "jobs"]


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One kind of process.

    `command`: the subcommand of `ghostpose`; `scale`: how many by default; `scales`: whether more
    of them share the work; `restarts_in_run`: how often `ghostpose run` starts it again after a
    crash (an orchestrator always does); `extra`: what to install for it; `needs`: roles without
    whose work it has nothing to do (all need the Redis server).
    """

    role: Role
    command: str
    scale: int
    scales: bool
    restarts_in_run: int
    extra: str
    needs: tuple[Role, ...]
    purpose: str


PROCESSES: Final = (
    ProcessRow(
        role="inference",
        command="infer",
        scale=1,
        scales=True,
        restarts_in_run=3,
        extra="infer",
        needs=("ingest",),
        purpose="takes frames of all cameras, oldest first, and publishes the network's maps",
    ),
    ProcessRow(
        role="postprocess",
        command="postprocess",
        scale=1,
        scales=True,
        restarts_in_run=3,
        extra="postprocess",
        needs=("inference",),
        purpose="groups, tracks and commits pose messages, each partition in order",
    ),
    ProcessRow(
        role="ingest",
        command="ingest",
        scale=1,
        # With --registry, as in docker-compose.yml; `ghostpose run` gives its one ingest a file.
        scales=True,
        # In a run over recordings a second reading would deliver every frame twice.
        restarts_in_run=0,
        extra="ingest",
        needs=(),
        purpose="decodes cameras and recordings, one process each, and publishes frames",
    ),
    ProcessRow(
        role="store",
        command="store",
        scale=1,
        scales=False,
        restarts_in_run=3,
        extra="postprocess",
        needs=("postprocess",),
        purpose="keeps cameras, sessions, tracks and poses in a database",
    ),
    ProcessRow(
        role="mirror",
        command="mirror",
        scale=1,
        scales=False,
        restarts_in_run=3,
        extra="mqtt",
        needs=("postprocess",),
        purpose="tells an MQTT broker what cameras do and whom they see",
    ),
    ProcessRow(
        role="link",
        command="link",
        scale=1,
        scales=False,
        restarts_in_run=3,
        extra="postprocess",
        needs=("postprocess",),
        purpose="tells which tracks of different cameras are probably one person",
    ),
    ProcessRow(
        role="dashboard",
        command="dashboard",
        scale=1,
        scales=False,
        restarts_in_run=3,
        extra="dashboard",
        needs=("postprocess",),
        purpose="serves the page that shows cameras and processes, and sets cameras",
    ),
    ProcessRow(
        role="jobs",
        command="jobs",
        scale=1,
        scales=True,
        restarts_in_run=0,
        extra="jobs",
        needs=("store",),
        purpose="does what was queued (jobs work): analyses, exports, videos, reports",
    ),
)
"""In the order `ghostpose run` starts them: what holds the first pose up longest comes first."""


def row_of(role: Role) -> ProcessRow:
    """Return the table's row of `role`."""
    return next(row for row in PROCESSES if row.role == role)
