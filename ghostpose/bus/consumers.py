"""Consumers of groups that nobody is any more: killed workers never leave by themselves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ghostpose.bus.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ghostpose.bus.connection import Bus

IDLE_S: Final = 3_600.0
"""A consumer that has nothing pending and hasn't read for so long, in seconds, is removed."""

LOOK_EVERY_S: Final = 600.0
"""How often each worker looks for such, in seconds: at its start, then rarely."""


class IdleConsumers:
    """Removes a group's idle consumers now and then, on behalf of one of its workers."""

    def __init__(self, bus: Bus, group: str) -> None:
        self._bus, self._group = bus, group
        self._due_s = float("-inf")

    def forget_if_due(self, together: Iterable[Sequence[str]]) -> int:
        """Remove them from these streams if it is time; return how many there were.

        `together`: the streams, in groups that one step may touch.
        """
        if time.monotonic() < self._due_s:
            return 0
        self._due_s = time.monotonic() + LOOK_EVERY_S
        idle_ms = round(IDLE_S * 1000)
        return sum(
            self._bus.run(Step.FORGET_IDLE, streams, (self._group, idle_ms)) for streams in together
        )
