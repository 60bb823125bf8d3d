"""What became of a camera's frames, as metrics: what its counters have grown by since last time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghostpose.metrics import FRAMES, LAST_SEEN, PLAYING, RECONNECTS, count, put
from ingest.counters import Tally

if TYPE_CHECKING:
    from ghostpose.codec.camera_state import CameraState


class Metering:
    """One camera's. For one thread."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self._told = Tally()
        self._reconnects = 0

    def note(self, total: Tally, state: CameraState) -> None:
        """Count what is new in a camera's totals, and say what it does."""
        told, self._told = self._told, total
        self._count("read", "", total.read - told.read)
        self._count("published", "", total.published - told.published)
        for reason, skipped in total.skipped.items():
            self._count("skipped", reason, skipped - told.skipped.get(reason, 0))
        reconnects, self._reconnects = self._reconnects, state.counts.reconnects
        count(RECONNECTS, self._camera, by=max(0, self._reconnects - reconnects))
        put(LAST_SEEN, state.last_seen, self._camera)
        put(PLAYING, float(state.status == "playing"), self._camera)

    def end(self) -> None:
        """Say that the camera is not played here any more, on purpose."""
        put(LAST_SEEN, 0, self._camera)
        put(PLAYING, 0, self._camera)

    def _count(self, outcome: str, reason: str, by: int) -> None:
        # A session that goes on is counted from its begin again: totals may fall.
        count(FRAMES, self._camera, outcome, reason, by=max(0, by))
