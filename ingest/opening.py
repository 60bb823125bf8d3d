"""Opening a source in a thread of its own, which can be left behind if it hangs in a decoder."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from ghostpose.errors import GhostposeError, SourceError
from ingest.prepare import plan_for
from ingest.sources import open_source

if TYPE_CHECKING:
    from ghostpose.config import CameraConfig
    from ingest.sources import Source

STUCK_S: Final = 60.0
"""Opening takes less, whatever the network does: what takes longer hangs."""

_POLL_S: Final = 0.1


class StuckError(GhostposeError):
    """A decoder or driver doesn't return: only a new process gets rid of it."""


class Opening:
    """Opens `camera`'s source, from the moment this is made."""

    def __init__(self, camera: CameraConfig) -> None:
        self._camera = camera
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._left = False
        self._source: Source | None = None
        self._error: Exception | None = None
        threading.Thread(target=self._run, name=f"opener of {camera.name}", daemon=True).start()

    def wait(self, stop: threading.Event, stuck_s: float = STUCK_S) -> Source | None:
        """Return the opened source, None once `stop` is set.

        Raises:
            SourceError: it can't be opened, or isn't what the camera's settings are for.
            StuckError: nothing happened for `stuck_s`.
        """
        until_s = time.monotonic() + stuck_s
        while not self._done.wait(_POLL_S):
            if stop.is_set():
                self._leave()
                return None
            if time.monotonic() > until_s:
                self._leave()
                raise StuckError(
                    f"camera {self._camera.name}: opening its source hangs for {stuck_s:.0f} s:"
                    " its process is replaced"
                )
        if self._error is not None:
            raise self._error
        return self._source

    def _run(self) -> None:
        try:
            source = _opened(self._camera)
        except GhostposeError as error:
            self._error = error
        except Exception as error:  # of PyAV, OpenCV or a driver: a camera must not end by it
            self._error = SourceError(
                f"camera {self._camera.name}: its source can't be opened ({type(error).__name__})"
            )
        else:
            self._keep_or_close(source)
        self._done.set()

    def _keep_or_close(self, source: Source) -> None:
        with self._lock:
            if not self._left:
                self._source = source
                return
        source.close()

    def _leave(self) -> None:
        with self._lock:
            self._left = True
            source, self._source = self._source, None
        if source is not None:
            source.close()


def _opened(camera: CameraConfig) -> Source:
    source = open_source(camera)
    try:
        plan_for(camera, source.info.width, source.info.height)
    except SourceError:
        source.close()
        raise
    return source
