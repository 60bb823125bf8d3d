"""Real servers of several makes, alone and together, that tests may kill and start again."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import pytest
import redis
from waiting import wait_until

from ghostpose.bus.embedded import _find_binary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SLOTS: Final = 16_384
MASTER: Final = "main"
"""The name that sentinels know the master by."""


def until(condition: Callable[[], object], what: str, limit_s: float = 60.0) -> None:
    """Wait until `condition` holds; a server that doesn't answer yet doesn't fulfil it."""

    def holds() -> bool:
        try:
            return bool(condition())
        except redis.RedisError:
            return False

    wait_until(holds, what, limit_s)


def free_ports(count: int) -> list[int]:
    """Return ports that are free, with the cluster's own port 10000 above.

    They lie below those that the system gives to whoever asks for any: nobody gets one of them
    before the server is there.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(12_000, 22_000)
        with socket.socket() as probe, socket.socket() as above:
            try:
                probe.bind(("127.0.0.1", port))
                above.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


def valkey() -> str:
    return str(_find_binary())


def debians_redis() -> str:
    """Return Debian's server, or skip the test."""
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("redis-server is not installed (Debian's redis-server)")
    return found


class RealServer:
    """One server on a port of this machine, with a folder of its own; data only if `options` do."""

    def __init__(
        self, binary: str, folder: Path, options: Mapping[str, Any], port: int | None = None
    ) -> None:
        self.port = free_ports(1)[0] if port is None else port
        self.folder = folder
        self._binary = binary
        folder.mkdir(parents=True, exist_ok=True)
        base = {"port": self.port, "bind": "127.0.0.1", "save": "", "dir": folder}
        self._options = base | {"logfile": folder / "log"} | dict(options)
        self._file: tuple[str, ...] = ()
        self._trusted: Path | None = None
        self.login = ""
        """`user:password@`, if it wants one."""
        self.process: subprocess.Popen[bytes] | None = None

    def with_file(self, text: str, *flags: str) -> Self:
        """Add options that a command line can't say, in a file."""
        path = self.folder / "server.conf"
        path.write_text(text)
        self._file = (str(path), *flags)
        return self

    def only_tls(self, certificate: Path) -> None:
        """Listen for TLS instead; `certificate` is whom clients have to trust."""
        self._trusted = certificate
        self._options |= {"port": 0, "tls-port": self.port}

    @property
    def url(self) -> str:
        plain = f"redis://{self.login}127.0.0.1:{self.port}"
        if self._trusted is None:
            return plain
        return f"{plain.replace('redis', 'rediss')}?ssl_ca_certs={self._trusted}"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, protocol=2)

    def start(self) -> Self:
        words = [
            str(word) for name, value in self._options.items() for word in (f"--{name}", value)
        ]
        self.process = subprocess.Popen(
            [self._binary, *self._file, *words], stdout=subprocess.DEVNULL
        )
        return self

    def wait(self) -> Self:
        with self.client() as client:
            until(client.ping, "the server answers")
        return self

    def kill(self) -> None:
        """End it as a crash does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        try:
            return self.wait()
        except BaseException:
            self.kill()
            raise

    def __exit__(self, *_: object) -> None:
        self.kill()


@contextmanager
def cluster(folder: Path, nodes: int = 3) -> Iterator[list[RealServer]]:
    """Start a cluster whose slots are spread evenly over so many nodes, without replicas."""
    options = {"cluster-enabled": "yes", "cluster-config-file": "nodes.conf"}
    with ExitStack() as stack:
        servers = [
            stack.enter_context(RealServer(valkey(), folder / str(port), options, port))
            for port in free_ports(nodes)
        ]
        clients = [stack.enter_context(server.client()) for server in servers]
        for index, client in enumerate(clients):
            first, last = index * SLOTS // nodes, (index + 1) * SLOTS // nodes - 1
            client.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
            if index:
                clients[0].execute_command("CLUSTER MEET", "127.0.0.1", servers[index].port)
        for client in clients:
            until(
                lambda c=client: (
                    c.cluster("info")["cluster_state"] == "ok" and len(c.cluster("slots")) == nodes
                ),
                "the cluster forms",
            )
        yield servers


class Watched:
    """A master, its replica, and a sentinel that lets the replica take over when it is told to.

    By itself it would after minutes only: a machine that stands still for a moment loses no master.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.master = stack.enter_context(
            RealServer(valkey(), folder / "master", {"repl-diskless-sync-delay": 0})
        ).wait()
        follow = f"replicaof 127.0.0.1 {self.master.port}\n"
        self.replica = stack.enter_context(
            RealServer(valkey(), folder / "replica", {}).with_file(follow)
        )
        with self.replica.client() as client:
            until(
                lambda: client.info("replication")["master_link_status"] == "up",
                "the replica follows",
            )
        self.sentinel = stack.enter_context(_sentinel(folder, self.master.port))
        with self.sentinel.client() as client:
            until(
                lambda: client.execute_command("SENTINEL", "REPLICAS", MASTER),
                "the sentinel knows the replica",
            )

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.sentinel.port}/{MASTER}"

    def fail_over(self) -> None:
        """Have the replica take over; returns when it has."""
        with self.sentinel.client() as sentinel:
            until(
                lambda: sentinel.execute_command("SENTINEL", "FAILOVER", MASTER),
                "the sentinel sees the replica",
            )
        with self.replica.client() as client:
            until(
                lambda: client.info("replication")["role"] == "master",
                "the replica takes over",
            )


def _sentinel(folder: Path, master_port: int) -> RealServer:
    told = (
        f"sentinel monitor {MASTER} 127.0.0.1 {master_port} 1\n"
        f"sentinel down-after-milliseconds {MASTER} 120000\n"
        f"sentinel failover-timeout {MASTER} 5000\n"
    )
    return RealServer(valkey(), folder / "sentinel", {}).with_file(told, "--sentinel")
