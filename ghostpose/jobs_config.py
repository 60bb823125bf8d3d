"""The queue of jobs and its workers, as the configuration says it."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads annotations when models are made

from ghostpose.frozen import Frozen


class JobsConfig(Frozen):
    """The queue of jobs. See docs/jobs.md."""

    url: str | None = None
    """The server that holds it: a single one, or behind sentinels, never a cluster, and one that
    evicts nothing (`noeviction`). The environment variable `GHOSTPOSE_JOBS_URL` wins over this;
    none = the server of `redis`."""

    folders: tuple[Path, ...] = ()
    """All that a worker of jobs reads recordings from and writes results to; none = whatever its
    user may. See docs/jobs.md."""
