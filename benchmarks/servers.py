"""The servers that a benchmarked deployment meets at: one of its own, or a cluster."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis

from ghostpose.bus import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAXMEMORY_MB = 2048


@dataclass(frozen=True, slots=True)
class Servers:
    """Where a deployment is told to meet, the processes there, and a connection to each of them."""

    url: str
    pids: Sequence[int]
    clients: Sequence[redis.Redis]

    def commands(self) -> dict[str, int]:
        """Return how often each command ran so far, within scripts too."""
        found: dict[str, int] = {}
        for client in self.clients:
            stats: Any = client.info("commandstats")
            for name, one in stats.items():
                plain = name.removeprefix("cmdstat_")
                found[plain] = found.get(plain, 0) + int(one["calls"])
        return found

    def received_bytes(self) -> int:
        """Return the bytes that all clients have sent so far."""
        return sum(received_bytes(client) for client in self.clients)


def received_bytes(client: redis.Redis) -> int:
    """Return the bytes that one server has got from all its clients so far."""
    stats: Any = client.info("stats")
    return int(stats["total_net_input_bytes"])


@contextmanager
def one_server() -> Iterator[Servers]:
    """Run an embedded server."""
    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedServer(maxmemory_mb=MAXMEMORY_MB))
        client = stack.enter_context(redis.Redis.from_url(server.url))
        yield Servers(server.url, [server.pid], [client])


@contextmanager
def three_nodes(folder: Path) -> Iterator[Servers]:
    """Run a cluster of three nodes; the tests' servers are needed for it (`make bench-full`)."""
    from bus_servers import cluster

    with ExitStack() as stack:
        nodes = stack.enter_context(cluster(folder))
        clients = [stack.enter_context(node.client()) for node in nodes]
        pids = [node.process.pid for node in nodes if node.process]
        yield Servers(nodes[0].url, pids, clients)
