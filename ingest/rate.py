"""A limit on frames a second of media time: which frames of a source are used."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class RateLimit:
    """Admits at most `fps` frames a second, evenly spread, by media time.

    The next frame is due 1/fps after the last one was due, not after it came, so the rate is exact
    in the long run. A frame may come half a nominal interval before it is due (clocks jitter), and
    up to one late without moving what follows (the source has none in between).
    """

    fps: float | None
    nominal_interval_s: float
    _due_s: float = -math.inf

    def admit(self, media_time: float) -> bool:
        """Return whether the frame at `media_time` (later than any before) is to be used."""
        if self.fps is None:
            return True
        if media_time < self._due_s - self.nominal_interval_s / 2:
            return False
        if math.isinf(self._due_s):
            self._due_s = media_time
        self._due_s = max(self._due_s, media_time - self.nominal_interval_s) + 1.0 / self.fps
        return True
