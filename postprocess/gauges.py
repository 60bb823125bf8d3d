"""What a post-processing worker says of the server: its partitions' lag, dead letters, memory.

Each partition has one holder, so that all workers together say everything once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghostpose.bus.budget import memory_of_nodes
from ghostpose.metrics import DEAD, SERVER_MEMORY, WAITING, put
from ghostpose.server import translated

if TYPE_CHECKING:
    from collections.abc import Collection

    from ghostpose.bus import Bus


class ServerGauges:
    """Asks the server, with each heartbeat."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._told: set[int] = set()

    def note(self, held: Collection[int]) -> None:
        """Say what waits in these partitions, and nothing any more of those that were given back.

        Raises:
            BusUnavailableError: the server doesn't answer.
        """
        for partition in self._told.difference(held):
            _put(partition, 0, 0, 0)
        self._told = set(held)
        for partition in held:
            _put(partition, *self._lengths(partition))
        with translated(self._bus.address):
            nodes = memory_of_nodes(self._bus.client)
        put(SERVER_MEMORY, sum(float(node.get("used_memory", 0)) for node in nodes), "used")
        put(SERVER_MEMORY, sum(float(node.get("maxmemory", 0)) for node in nodes), "limit")

    def _lengths(self, partition: int) -> tuple[int, int, int]:
        keys = self._bus.keys
        steps = self._bus.client.pipeline(transaction=False)
        for stream in (keys.frames(partition), keys.maps(partition), keys.dead(partition)):
            steps.xlen(stream)
        with translated(self._bus.address):
            frames, maps, dead = steps.execute()
        return frames, maps, dead


def _put(partition: int, frames: int, maps: int, dead: int) -> None:
    put(WAITING, frames, "frames", str(partition))
    put(WAITING, maps, "maps", str(partition))
    put(DEAD, dead, str(partition))
