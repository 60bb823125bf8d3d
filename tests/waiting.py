"""Waiting on conditions, never for luck."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")


def wait_until(condition: Callable[[], Answer], what: str, limit_s: float = 60.0) -> Answer:
    """Wait until `condition` holds, and return what it said then.

    Fails, saying `what` was waited for, after `limit_s`.
    """
    until = time.monotonic() + limit_s
    while not (answer := condition()):
        assert time.monotonic() < until, f"{what}: did not happen within {limit_s} s"
        time.sleep(0.01)
    return answer
