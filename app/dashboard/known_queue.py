"""The queue of jobs as the dashboard knows it: opened when it is first asked for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from app.jobs.ways import open_queue

if TYPE_CHECKING:
    from app.jobs.queue import JobQueue


class KnownQueue:
    """The address of the queue's server, and the queue. Threads may share it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._queue: JobQueue | None = None

    def queue(self) -> JobQueue:
        """Return the queue.

        Raises:
            ConfigError: RQ isn't installed.
            JobError: there can be none on that server.
            BusUnavailableError: no server answers there.
        """
        with self._lock:
            if self._queue is None:
                self._queue = open_queue(self._url)
            return self._queue

    def close(self) -> None:
        """Close its connections."""
        with self._lock:
            if self._queue is not None:
                self._queue.close()
