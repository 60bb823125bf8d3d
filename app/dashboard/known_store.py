"""The store as the dashboard knows it: opened when it is first asked, and again if it was away."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ghostpose.errors import PackageError

if TYPE_CHECKING:
    from sqlalchemy import Engine


class KnownStore:
    """A store's address and its engine. Threads may share it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        """Return an engine that only reads.

        Raises:
            StoreError: there is no store of our version (yet), or it doesn't answer.
            PackageError: SQLAlchemy isn't installed.
        """
        with self._lock:
            if self._engine is None:
                self._engine = _open(self._url)
            return self._engine

    def close(self) -> None:
        """Close its connections."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()


def _open(url: str) -> Engine:
    try:
        from app.jobs.stored import store_errors_told
        from postprocess.store.database import open_for_reading
    except ModuleNotFoundError as error:
        if error.name != "sqlalchemy":
            raise
        raise PackageError(
            "dashboard: the store needs SQLAlchemy, which is not installed: pip install"
            " 'ghostpose[postprocess]', or leave --store out"
        ) from error
    with store_errors_told():
        return open_for_reading(url)
