"""What an inference worker has done so far."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """Shown in the worker's heartbeat."""

    frames: int = 0
    batches: int = 0
    lost_races: int = 0
    buried: int = 0
    inference_s: float = 0.0
    started_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def inferred(self, took_s: float) -> None:
        """Count a batch; from any lane."""
        with self._lock:
            self.batches += 1
            self.inference_s += took_s

    def as_load(self) -> dict[str, float]:
        """Return the numbers by name: totals, and means per second, batch and frame."""
        return {
            "frames": self.frames,
            "lost_races": self.lost_races,
            "buried": self.buried,
            "fps": self.frames / max(time.monotonic() - self.started_s, 1e-3),
            "batch_mean": self.frames / max(self.batches, 1),
            "inference_ms": 1000 * self.inference_s / max(self.frames, 1),
        }
