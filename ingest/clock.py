"""Media time that only grows, and the wall clock time of a frame.

Clocks of sources stand still, step back and jump. The bus promises media time that grows strictly
within a session, so `MediaClock` repairs what comes and counts its repairs; no frame is dropped.

The rule: a time is taken as it is if it comes after the one before, by at most `max_step_s`.
Anything else (a step back, a repeat, a jump, no time at all) is a repair: the frame gets the time
of the one before plus the nominal interval, and the difference is kept as an offset for the times
that follow, so that their distances stay true. A small offset is paid back slowly, a tenth of each
step, so that a clock that stumbled some times does not stay ahead for ever; a large one (the
source began to count anew) is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MAX_STEP_S: Final = 86_400.0
"""No two frames of one recording are further apart; a longer step is a broken clock."""

MAX_LIVE_STEP_S: Final = 60.0
"""The same of a live source, which is opened again if it gives nothing for that long."""

MAX_TIME_S: Final = 1e10
"""Media times beyond three centuries are no times."""

PAY_BACK_SHARE: Final = 0.1
"""Share of each step by which an offset may shrink: speeds seem at most so much wrong."""

PAY_BACK_LIMIT_S: Final = 5.0
"""A larger offset is no stumble but another beginning, and stays."""


@dataclass(slots=True)
class MediaClock:
    """Turns a source's times, in order, into strictly growing ones. One a session.

    `nominal_interval_s` is the time between frames if the source had no clock, `max_step_s` the
    most that two can be apart; `repairs` counts the frames whose time could not be taken.
    """

    nominal_interval_s: float
    max_step_s: float = MAX_STEP_S
    repairs: int = 0
    _offset_s: float = 0.0
    _last_s: float | None = None

    def read(self, raw_s: float | None) -> float:
        """Return the media time of the next frame, later than any before."""
        time_s = self._advance(_usable(raw_s))
        if self._last_s is not None and time_s <= self._last_s:
            time_s = math.nextafter(self._last_s, math.inf)  # an interval lost in rounding
        self._last_s = time_s
        return time_s

    def _advance(self, raw_s: float | None) -> float:
        if self._last_s is None:
            self.repairs += raw_s is None
            return 0.0 if raw_s is None else raw_s
        if raw_s is None:
            self.repairs += 1
            return self._last_s + self.nominal_interval_s
        step_s = raw_s + self._offset_s - self._last_s
        if 0.0 < step_s <= self.max_step_s:
            self._offset_s = paid_back(self._offset_s, step_s)
        else:
            self.repairs += 1
            self._offset_s = self._last_s + self.nominal_interval_s - raw_s
        return raw_s + self._offset_s


def paid_back(offset_s: float, step_s: float) -> float:
    """Return `offset_s` nearer to zero by at most a share of `step_s`, or unchanged if large."""
    if abs(offset_s) > PAY_BACK_LIMIT_S:
        return offset_s
    return math.copysign(max(0.0, abs(offset_s) - PAY_BACK_SHARE * step_s), offset_s)


def _usable(raw_s: float | None) -> float | None:
    return raw_s if raw_s is not None and abs(raw_s) <= MAX_TIME_S else None


def recording_start(first_media_time: float, now_s: float, known_start_s: float | None) -> float:
    """Return the Unix time of a recording's media time 0.

    What is known (the camera's `recorded_at`, else the container's creation time) makes
    `captured_at` the same in every run. Where nothing is known, the first frame counts as captured
    when the session began, at `now_s`.
    """
    return now_s - first_media_time if known_start_s is None else known_start_s
