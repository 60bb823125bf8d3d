"""What a camera's process takes of the processors, measured by its parent."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

OPENING_S: Final = 5.0
"""What opening a source takes says nothing: measuring begins after so many seconds."""

MEMORY_S: Final = 60.0
"""Older measurements fade with this time constant, so that a busy moment moves no camera."""

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM = 11, 12
"""Fields of `/proc/PID/stat` behind the process's name."""


@dataclass(slots=True)
class CostMeter:
    """Measures one process. `cores` is its cost so far, or what it is believed to be."""

    pid: int
    cores: float = 0.0
    began_s: float = field(default_factory=time.monotonic)
    _at_s: float = 0.0
    _used_s: float = 0.0

    def measure(self) -> None:
        """Look again; anything from a second to minutes after the last time."""
        now_s, used_s = time.monotonic(), _processor_seconds(self.pid)
        if used_s is None or now_s - self.began_s < OPENING_S:
            return
        if self._at_s:
            self._learn((used_s - self._used_s) / (now_s - self._at_s), now_s - self._at_s)
        self._at_s, self._used_s = now_s, used_s

    def _learn(self, cores: float, seconds: float) -> None:
        fresh = 1.0 - math.exp(-seconds / MEMORY_S) if self.cores else 1.0
        self.cores += fresh * (cores - self.cores)


def _processor_seconds(pid: int) -> float | None:
    """Return the processor time of a process, None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS_A_SECOND
