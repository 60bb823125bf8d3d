"""The processes and what piles up between them, in a few round trips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from redis.cluster import RedisCluster

from ghostpose.bus import PartitionLeases
from ghostpose.server import translated
from ghostpose.topics import INFERENCE_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ghostpose.bus import Bus

_SEEN_BY: Final = "dashboard"
"""A name for looking at leases; none is ever taken in it."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that lives. `at`: when it last said so, Unix seconds by the server's clock."""

    worker: str
    role: str
    host: str
    pid: int
    version: str
    load: dict[str, float]
    at: float


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition: who commits in it, and what waits or is under work in it.

    `waiting_frames` and `waiting_maps` count entries of the streams, those under work as well.
    """

    number: int
    owner: str | None
    cameras: int
    waiting_frames: int
    frames_at_work: int
    waiting_maps: int
    dead: int


@dataclass(frozen=True, slots=True)
class ServerMemory:
    """A server of the deployment. `limit_bytes`: its `maxmemory`, 0 for none."""

    node: str
    version: str
    used_bytes: int
    limit_bytes: int
    clients: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """All processes, partitions and servers at the moment `at`, Unix seconds by the server."""

    at: float
    budget_bytes: int
    workers: tuple[Worker, ...]
    partitions: tuple[Partition, ...]
    servers: tuple[ServerMemory, ...]


def read_fleet(bus: Bus) -> Fleet:
    """Return what runs now.

    Raises:
        BusUnavailableError: the server doesn't answer.
    """
    return Fleet(
        at=bus.server_time_ms() / 1000,
        budget_bytes=bus.budget.now().bytes,
        workers=tuple(
            Worker(b.worker, b.role, b.host, b.pid, b.version, dict(b.load), b.at)
            for b in bus.workers()
        ),
        partitions=tuple(_partitions(bus)),
        servers=tuple(_servers(bus)),
    )


def _partitions(bus: Bus) -> Iterable[Partition]:
    owners = PartitionLeases(bus, _SEEN_BY).holders()
    held = [entry.partition for entry in bus.cameras().values()]
    numbers = range(bus.partitions)
    with translated(bus.address), bus.client.pipeline(transaction=False) as batch:
        for number in numbers:
            batch.xlen(bus.keys.frames(number))
            batch.xlen(bus.keys.maps(number))
            batch.xlen(bus.keys.dead(number))
        lengths: list[int] = batch.execute()
    at_work = _pending(bus)
    for number in numbers:
        frames, maps, dead = lengths[3 * number : 3 * number + 3]
        yield Partition(
            number, owners.get(number), held.count(number), frames, at_work[number], maps, dead
        )


def _pending(bus: Bus) -> list[int]:
    """Return how many frames of each partition a worker has in hand."""
    with translated(bus.address), bus.client.pipeline(transaction=False) as batch:
        for number in range(bus.partitions):
            batch.xpending(bus.keys.frames(number), INFERENCE_GROUP)
        # A stream that nobody has read from yet has no group: that is an answer, too.
        replies: list[Any] = batch.execute(raise_on_error=False)
    return [reply["pending"] if isinstance(reply, dict) else 0 for reply in replies]


def _servers(bus: Bus) -> Iterable[ServerMemory]:
    with translated(bus.address):
        client: Any = bus.client
        if bus.is_cluster:
            nodes = client.info(target_nodes=RedisCluster.PRIMARIES)
        else:
            nodes = {bus.address: client.info()}
    for node, said in nodes.items():
        yield ServerMemory(
            node=node,
            version=f"{said.get('server_name', 'redis')} {_version(said)}",
            used_bytes=int(said.get("used_memory", 0)),
            limit_bytes=int(said.get("maxmemory", 0)),
            clients=int(said.get("connected_clients", 0)),
        )


def _version(said: dict[str, Any]) -> str:
    return str(said.get("valkey_version") or said.get("redis_version", "?"))
