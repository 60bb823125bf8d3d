"""Waiting on conditions, never for luck."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(condition: Callable[[], object], what: str, limit_s: float = 60.0) -> None:
    """Wait until `condition` holds; fail, saying `what` was waited for, after `limit_s`."""
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, f"{what}: did not happen within {limit_s} s"
        time.sleep(0.02)
