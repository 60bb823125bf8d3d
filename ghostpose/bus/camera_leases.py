"""Leases of the registry's cameras: which ingest plays which, by the server's clock.

They share the work out; what keeps a camera from being published twice is its session, of which
the newest alone counts.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from ghostpose.bus.steps import Step
from ghostpose.codec.camera_settings import decode_camera_lease
from ghostpose.errors import DecodeError
from ghostpose.server import translated
from ghostpose.topics import REGISTRY_KEY, REGISTRY_LEASES_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ghostpose.bus.connection import Bus
    from ghostpose.codec.camera_settings import CameraLease

DEFAULT_TTL_S: Final = 6.0
"""How long nobody plays the cameras of an ingest that was killed; renewed several times within."""

_log = logging.getLogger(f"{__name__}.CameraLeases")


def read_camera_leases(bus: Bus) -> dict[str, CameraLease]:
    """Return every camera's last lease, also of those that ran out or were given back."""
    with translated(bus.address):
        rows: Any = bus.client.hgetall(REGISTRY_LEASES_KEY)
    leases = {}
    for key, row in rows.items():
        name = key.decode("utf-8", "replace")
        try:
            leases[name] = decode_camera_lease(name, row)
        except DecodeError as error:
            _log.warning("a lease is passed over: %s", error)
    return leases


class CameraLeases:
    """Takes, renews and releases cameras in the name of one ingest, several in one step."""

    def __init__(self, bus: Bus, owner: str, ttl_s: float = DEFAULT_TTL_S) -> None:
        self._bus, self._owner = bus, owner
        self._ttl_ms = max(1, round(ttl_s * 1000))

    def take(self, costs: Mapping[str, float]) -> dict[str, int]:
        """Take those cameras that are free; return their tokens. `costs`: the last known ones."""
        names = list(costs)
        tokens = self._run("take", [(name, 0, costs[name]) for name in names])
        return {name: token for name, token in zip(names, tokens, strict=True) if token}

    def renew(self, tokens: Mapping[str, int], costs: Mapping[str, float]) -> list[str]:
        """Renew all these; return those that another has taken."""
        names = list(tokens)
        kept = self._run("renew", [(name, tokens[name], costs.get(name, 0.0)) for name in names])
        return [name for name, token in zip(names, kept, strict=True) if not token]

    def release(self, camera: str, token: int, cost: float) -> None:
        """Give a camera back at once; nothing happens if it was lost already."""
        self._run("release", [(camera, token, cost)])

    def _run(self, what: str, cameras: Sequence[tuple[str, int, float]]) -> list[int]:
        if not cameras:
            return []
        values = [v for name, token, cost in cameras for v in (name, token, f"{cost:.4f}")]
        reply = self._bus.run(
            Step.CAMERA_LEASE,
            (REGISTRY_LEASES_KEY, REGISTRY_KEY),
            (what, json.dumps(self._owner), self._ttl_ms, *values),
        )
        return [int(token or 0) for token in reply]
