"""The store as the dashboard knows it: opened when it is first asked, and again if it was away."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from postprocess.store.database import open_for_reading

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
            StoreError: there is no store of our version (yet).
        """
        with self._lock:
            if self._engine is None:
                self._engine = open_for_reading(self._url)
            return self._engine

    def close(self) -> None:
        """Close its connections."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
