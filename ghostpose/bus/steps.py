"""The atomic steps of the bus: one Lua script each, run by its digest.

Each script opens with a glossary of its keys, arguments and replies.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import redis

from ghostpose.server import translated

if TYPE_CHECKING:
    from collections.abc import Sequence

Argument = str | bytes | int | float


class Step(Enum):
    """The name of a script in `scripts/`."""

    OPEN_SESSION = "open_session"
    PUBLISH = "publish"
    END_SESSION = "end_session"
    TAKE = "take"
    CLAIM = "claim"
    HOLD = "hold"
    FINISH = "finish"
    BURY = "bury"
    MEND = "mend"
    LEAVE = "leave"
    FORGET_IDLE = "forget_idle"
    LEASE = "lease"
    TAKE_MAPS = "take_maps"
    COMMIT = "commit"
    REGISTRY = "registry"
    SEED_REGISTRY = "seed_registry"
    CAMERA_LEASE = "camera_lease"
    BUDGET = "budget"


class Steps:
    """Runs steps on one server or cluster."""

    def __init__(self, client: redis.Redis, address: str) -> None:
        self._client: Final[Any] = client
        self._address = address

    def run(self, step: Step, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run one step; all keys are in one partition, or the server is a single one.

        Raises:
            BusFullError, BusUnavailableError, BusError: see `translated`.
        """
        source, digest = _load(step)
        with translated(self._address):
            try:
                return self._client.evalsha(digest, len(keys), *keys, *arguments)
            except redis.exceptions.NoScriptError:
                # The first time, and after a restart: EVAL runs the script and keeps it.
                return self._client.eval(source, len(keys), *keys, *arguments)


@cache
def _load(step: Step) -> tuple[str, str]:
    """Return a script's text and its digest."""
    script = resources.files("ghostpose.bus") / "scripts" / f"{step.value}.lua"
    source = script.read_text("utf-8")
    return source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
