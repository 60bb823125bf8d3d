"""How much of its server's memory a deployment plans with, and what follows from it.

The budget is kept in the deployment's meta data, so that all processes derive the same from it:
frames a camera may have in flight, bytes kept of its results, dead letters kept.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from redis.cluster import RedisCluster

from ghostpose.bus import retention
from ghostpose.bus.steps import Step
from ghostpose.errors import ConfigError, GhostposeError
from ghostpose.server import is_cluster, translated
from ghostpose.topics import CAMERAS_KEY, META_KEY

if TYPE_CHECKING:
    import redis

    from ghostpose.bus.connection import Bus
    from ghostpose.bus.retention import Kept

DEFAULT_BUDGET_BYTES: Final = 2_000_000_000
"""Of a deployment that nobody gave a budget, on a server without `maxmemory`."""

OF_MAXMEMORY: Final = 0.8
"""What of a server's `maxmemory` may be planned with: tracker states, previews, the registry and
the server's own tables take the rest."""

DEAD_SHARE: Final = 1 / 8
"""What of the budget dead letters may take."""

IN_FLIGHT_SHARE: Final = 3 / 8
"""What of the remainder frames and maps may take; results may take the others."""

MAPS_BYTES_A_PIXEL: Final = 57 * 2 / 64
"""float16 maps: 57 channels, a cell for each 8 x 8 pixels; the largest form on the bus."""

ENTRY_BYTES: Final = 1_024
"""What an entry takes besides its picture or maps, at most."""

ASK_EVERY_S: Final = 10.0
"""How often a process reads the budget and the number of cameras again."""

_log = logging.getLogger(f"{__name__}.KnownBudget")


@dataclass(frozen=True, slots=True)
class Budget:
    """So many bytes, for so many cameras in so many partitions."""

    bytes: int
    cameras: int
    partitions: int

    @property
    def dead_kept(self) -> int:
        """Dead letters kept a partition; never fewer than one."""
        fit = int(self.bytes * DEAD_SHARE) // (retention.DEAD_PAYLOAD_BYTES * self.partitions)
        return max(1, min(retention.DEAD_KEPT, fit))

    @property
    def _a_camera(self) -> float:
        """Bytes a camera may take, frames, maps and results together."""
        dead = self.dead_kept * retention.DEAD_PAYLOAD_BYTES * self.partitions
        return max(0, self.bytes - dead) / max(1, self.cameras)

    def credit(self, frame_bytes: int) -> int:
        """Return how many frames of this size a camera may have in flight; never fewer than one."""
        return max(1, int(self._a_camera * IN_FLIGHT_SHARE) // frame_bytes)

    def poses_kept(self) -> Kept:
        """Return the bounds of a camera's poses stream."""
        return self._within(retention.poses_kept())

    def events_kept(self) -> Kept:
        """Return the bounds of a camera's events stream."""
        return self._within(retention.events_kept())

    def _within(self, kept: Kept) -> Kept:
        """Give poses and events the same part each of less than they would take."""
        share = self._a_camera * (1 - IN_FLIGHT_SHARE) / retention.camera_kept_bytes()
        return replace(kept, bytes=int(kept.bytes * min(1.0, share)))


def frame_bytes(width: int, height: int, picture_bytes: int) -> int:
    """Return what a frame may take on its way: as a picture, and after that as maps."""
    return max(picture_bytes, int(width * height * MAPS_BYTES_A_PIXEL)) + ENTRY_BYTES


def budget_for(in_flight_bytes: int, cameras: int, partitions: int) -> int:
    """Return the bytes with which no camera's credit or results are cut."""
    results = retention.camera_kept_bytes() * cameras / (1 - IN_FLIGHT_SHARE)
    dead = retention.DEAD_KEPT * retention.DEAD_PAYLOAD_BYTES * partitions
    return int(max(results, in_flight_bytes / IN_FLIGHT_SHARE) + dead) + 1


def set_budget(bus: Bus, budget_mb: int | None) -> None:
    """Give the deployment another budget; None leaves it as it is.

    All processes go by it within `ASK_EVERY_S`.

    Raises:
        ConfigError: the server's `maxmemory` is too small for it.
        BusUnavailableError: the server doesn't answer.
    """
    with translated(bus.address):
        _warn_of_eviction(bus.client, bus.address)
        fits = _fits_maxmemory(bus.client)
    if budget_mb is None:
        return
    if fits is not None and budget_mb * 10**6 > fits:
        raise ConfigError(
            f"redis: budget_mb {budget_mb} doesn't fit the server at {bus.address}, whose maxmemory"
            f" of {fits / OF_MAXMEMORY / 1e6:.0f} MB leaves {fits // 10**6} to plan with: give a"
            " smaller budget_mb, or the server a larger maxmemory"
        )
    bus.run(Step.BUDGET, (META_KEY,), (budget_mb * 10**6,))


class KnownBudget:
    """The deployment's budget as a process knows it; asks the server now and then."""

    def __init__(self, client: redis.Redis, address: str, partitions: int) -> None:
        self._client: Final[Any] = client
        self._address = address
        self._known = Budget(DEFAULT_BUDGET_BYTES, 1, partitions)
        self._asked_s = float("-inf")

    def now(self) -> Budget:
        """Return the budget; while the server is away, what it was."""
        if time.monotonic() - self._asked_s > ASK_EVERY_S:
            self._asked_s = time.monotonic()
            with suppress(GhostposeError):
                self._known = self._ask()
        return self._known

    def _ask(self) -> Budget:
        steps = self._client.pipeline(transaction=False)
        steps.hget(META_KEY, "budget")
        steps.hlen(CAMERAS_KEY)
        with translated(self._address):
            given, cameras = steps.execute()
            if given is not None and given.isdigit():
                planned = int(given[:18])
            else:
                planned = _fits_maxmemory(self._client) or DEFAULT_BUDGET_BYTES
        return replace(self._known, bytes=planned, cameras=cameras)


def _fits_maxmemory(client: redis.Redis) -> int | None:
    """Return how many bytes may be planned with; None: the server has no `maxmemory`."""
    limits = [int(memory.get("maxmemory", 0)) for memory in memory_of_nodes(client)]
    # Partitions are spread over a cluster's nodes, and the smallest is full first.
    return int(min(limits) * len(limits) * OF_MAXMEMORY) or None


def _warn_of_eviction(client: redis.Redis, address: str) -> None:
    for memory in memory_of_nodes(client):
        policy = memory.get("maxmemory_policy", "noeviction")
        if int(memory.get("maxmemory", 0)) and policy != "noeviction":
            _log.warning(
                "the server at %s has maxmemory-policy %s: at its maxmemory it throws frames and"
                " poses away, uncounted; set noeviction there", address, policy,
            )  # fmt: skip


def memory_of_nodes(client: Any) -> list[dict[str, Any]]:
    """Return what each node of the server says of its memory."""
    if is_cluster(client):
        return list(client.info("memory", target_nodes=RedisCluster.PRIMARIES).values())
    return [client.info("memory")]
