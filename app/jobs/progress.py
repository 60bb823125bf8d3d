"""How far a job has come, told now and then to whoever shows or keeps it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

TELL_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """So many of so many (None: nobody knows), counted in `unit`."""

    done: int = 0
    total: int | None = None
    unit: str = ""

    @property
    def percent(self) -> int | None:
        """How much of all that is, 0 to 100."""
        return None if not self.total else min(100, 100 * self.done // self.total)


def _nobody(_: Step) -> None: ...


@dataclass(slots=True)
class Progress:
    """Counts, and calls `tell` at most twice a second. For one thread."""

    tell: Callable[[Step], None] = _nobody
    step: Step = field(default_factory=Step)
    _told_at_s: float = 0.0

    def begin(self, total: int | None, unit: str) -> None:
        """Begin to count anew, to `total` if that is known."""
        self.step = Step(0, total, unit)
        self._tell()

    def advance(self, count: int = 1) -> None:
        """Count on."""
        self.reach(self.step.done + count)

    def reach(self, done: int) -> None:
        """Count up to `done`."""
        self.step = Step(done, self.step.total, self.step.unit)
        if time.monotonic() - self._told_at_s >= TELL_EVERY_S:
            self._tell()

    def end(self) -> None:
        """Tell the last count, whenever the one before was told."""
        self._tell()

    def _tell(self) -> None:
        self._told_at_s = time.monotonic()
        self.tell(self.step)
