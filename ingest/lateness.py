"""How late pictures come, by their own clock, and how fast that clock runs.

A network that stalls makes pictures pile up at the camera; then they come all at once, seconds old.
Their arrival doesn't show it, but the source's clock does: the least that arrival was ever behind
media time is on time, and what is further behind is late.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Final

DRIFT: Final = 0.001
"""Clocks of cameras go wrong by less: so fast what is on time may move."""

AGAIN_S: Final = 120.0
"""Late twice within this time is a clock that runs too slow."""

_log = logging.getLogger("ingest.ClockTrust")


@dataclass(slots=True)
class Lateness:
    """Tells from arrival and media times how late each picture is. One a session."""

    _on_time_s: float | None = None
    _last_s: float = 0.0

    def of(self, arrived_s: float, media_time: float) -> float:
        """Return how many seconds late the picture of `media_time` is, 0 or more."""
        behind_s = arrived_s - media_time
        if self._on_time_s is None:
            self._on_time_s = behind_s
        else:
            self._on_time_s += DRIFT * (arrived_s - self._last_s)
            self._on_time_s = min(self._on_time_s, behind_s)
        self._last_s = arrived_s
        return behind_s - self._on_time_s


@dataclass(slots=True)
class ClockTrust:
    """Whether a camera's own clock is believed; outlives sessions.

    One that runs too slow makes pictures seem later and later. A new connection ends true lateness;
    if all is late again soon, it is the clock, and media times are those of arrival from then on.
    """

    camera: str
    trusted: bool = True
    _late_at_s: float = -math.inf

    def late(self, now_s: float) -> None:
        """Note that a session had to end since its pictures came late."""
        if self.trusted and now_s - self._late_at_s < AGAIN_S:
            self.trusted = False
            _log.warning(
                "camera %s: its clock runs too slow: times are those of arrival from now on",
                self.camera,
            )
        self._late_at_s = now_s


@dataclass(slots=True)
class Pace:
    """Pictures and media time of one stretch after another, each at least `stretch_s` long."""

    stretch_s: float
    pictures_a_second: float = 0.0
    media_a_second: float = 0.0
    _began_s: float | None = None
    _began_media_s: float = 0.0
    _pictures: int = 0

    def saw(self, arrived_s: float, media_time: float) -> bool:
        """Count a picture; True: a stretch is over, and its two rates are there to be looked at."""
        self._pictures += 1
        if self._began_s is None:
            self._begin(arrived_s, media_time)
            return False
        length_s = arrived_s - self._began_s
        if length_s < self.stretch_s:
            return False
        self.pictures_a_second = self._pictures / length_s
        self.media_a_second = (media_time - self._began_media_s) / length_s
        self._begin(arrived_s, media_time)
        return True

    def _begin(self, arrived_s: float, media_time: float) -> None:
        self._began_s, self._began_media_s, self._pictures = arrived_s, media_time, 0
