"""Whether a server writes what it holds to disk: no place for pictures that must not be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.cluster import RedisCluster

from ghostpose.errors import BusError
from ghostpose.server import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ghostpose.bus.connection import Bus


def disk_writes(bus: Bus) -> str | None:
    """Return what the server, or a node of the cluster, writes to disk; None: nothing.

    An append-only file holds every frame until it is rewritten, a snapshot those in flight. A
    server that doesn't let itself be asked (no right to CONFIG GET) is taken to write.

    Raises:
        BusUnavailableError: it doesn't answer.
    """
    try:
        with translated(bus.address):
            found = list(_told(bus))
    except BusError:
        return "it doesn't allow CONFIG GET, so nobody knows"
    for name, value, harmless in found:
        if value != harmless:
            return f"{name} is {value!r}"
    return None


def _told(bus: Bus) -> Iterator[tuple[str, str, str]]:
    """Give each node's value of each setting, and the value by which nothing is written."""
    for name, harmless in (("appendonly", "no"), ("save", "")):
        for values in _of_all_nodes(bus, name):
            text = {_text(key): _text(value) for key, value in values.items()}
            yield name, text[name], harmless


def _of_all_nodes(bus: Bus, name: str) -> list[Mapping[Any, Any]]:
    client: Any = bus.client
    if bus.is_cluster:
        return list(client.config_get(name, target_nodes=RedisCluster.ALL_NODES).values())
    return [client.config_get(name)]


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
