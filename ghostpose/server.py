"""Reaching a Redis server: one way to connect, and its errors as ours with one sentence each."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from urllib.parse import urlsplit

import redis
import redis.asyncio
from redis.backoff import ExponentialWithJitterBackoff
from redis.cluster import RedisCluster
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

from ghostpose.errors import BusError, BusFullError, BusUnavailableError, GhostposeError
from ghostpose.passwords import resolved
from ghostpose.redaction import without_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


MAX_BLOCK_S: Final = 2.0
"""One blocking read waits no longer; callers that want to wait longer read again."""

CLUSTER_POLL_S: Final = 0.02
"""On a cluster one read can't wait on all partitions: how long to wait on each in turn."""

SOCKET_TIMEOUT_S: Final = 5.0
"""A server that says nothing for so long is taken for dead; above `MAX_BLOCK_S`."""

_parse_url: Final[Any] = parse_url
"""redis-py has no types for it."""

SENTINEL_SCHEMES: Final = ("redis+sentinel://", "rediss+sentinel://")

SENTINEL_PORT: Final = 26379
"""Where a sentinel is if its address names no port."""

PASSING_REPLIES: Final = frozenset(
    {"BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF"}
    | {"NOREPLICAS", "READONLY", "TRYAGAIN", "UNBLOCKED"}
)
"""First words of replies of a server that can't work now but may again: a slow script, a full disk,
a fail-over, missing replicas, a cluster that moves slots."""

_PASSING_ERRORS: Final = (
    redis.BusyLoadingError,
    redis.ReadOnlyError,
    redis.exceptions.ClusterError,  # is down, or one command was sent from node to node too often
    redis.exceptions.MasterDownError,
    redis.exceptions.MovedError,
    redis.exceptions.TryAgainError,
)
"""What redis-py makes of some of them, whose text lacks the first word, and says of its own."""

_BACKOFF_CAP_S: Final = 1.0
_BACKOFF_BASE_S: Final = 0.05


Answer = TypeVar("Answer")


class _RetryWithin(Retry):
    """Tries again for so long, however long each attempt takes: a silent server takes seconds."""

    def __init__(self, timeout_s: float, retries: int) -> None:
        super().__init__(backoff(), retries)
        self._timeout_s = timeout_s

    def call_with_retry(
        self,
        do: Callable[[], Answer],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> Answer:
        """See `Retry.call_with_retry`."""
        until_s = time.monotonic() + self._timeout_s

        def is_worth_it(error: Exception) -> bool:
            in_time = time.monotonic() < until_s
            return in_time and (is_retryable is None or is_retryable(error))

        return super().call_with_retry(do, fail, is_worth_it, with_failure_count)


def connect(url: str, *, timeout_s: float) -> redis.Redis:
    """Connect to a single server, a cluster, or the master that sentinels know, at `url`.

    What fails for a lost connection is sent again, with growing, jittered pauses, for about
    `timeout_s`; replies are bytes. The URL may refer to a password, see `ghostpose.passwords`.

    Raises:
        SecretError: what the URL refers to isn't there.
        BusUnavailableError: the URL is none, or nothing answers there.
    """
    address, url = without_password(url), resolved("the Redis server", url)
    options = options_for(timeout_s, _RetryWithin)
    client: redis.Redis = client_for(url, options, _CLIENTS, address)
    with translated(address):
        mode: Any = client.info("cluster")
        if not mode.get("cluster_enabled"):
            return client
        client.close()
        return cast("redis.Redis", RedisCluster.from_url(url, **options))


@dataclass(frozen=True, slots=True)
class Clients:
    """What connects: `redis.Redis` and `redis.sentinel.Sentinel`, or their twins of asyncio."""

    plain: Any
    sentinel: Any


_CLIENTS: Final = Clients(redis.Redis, Sentinel)


def backoff() -> ExponentialWithJitterBackoff:
    """Return the pauses between attempts."""
    return ExponentialWithJitterBackoff(_BACKOFF_CAP_S, _BACKOFF_BASE_S)


def options_for(timeout_s: float, retry: Callable[[float, int], Any]) -> dict[str, Any]:
    """Return how every client of ours behaves; `retry` makes a policy of seconds and attempts."""
    # Pauses double from the base up to the cap and then stay: about so many fit.
    retries = max(0, round(timeout_s / _BACKOFF_CAP_S * 1.5))
    return {
        "retry": retry(timeout_s, retries),
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": timeout_s,
        "protocol": 2,
    }


def client_for(url: str, options: Mapping[str, Any], clients: Clients, address: str) -> Any:
    """Return a client of the server, or of the master that sentinels know, at `url`.

    Raises:
        BusUnavailableError: the URL is none; `address` is what the user sees of it.
    """
    busy = [redis.ReadOnlyError, redis.BusyLoadingError]
    try:
        return _client(url, {"retry_on_error": busy, **options}, clients)
    except ValueError as cause:
        raise BusUnavailableError(
            f"{address!r} is no address of a Redis server: {cause}; wanted one such as"
            " redis://127.0.0.1:6379/0"
        ) from cause


def _client(url: str, options: Mapping[str, Any], clients: Clients) -> Any:
    if not url.startswith(SENTINEL_SCHEMES):
        return clients.plain.from_url(url, **options)
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("the master's name is missing, as in redis+sentinel://host:26379/NAME")
    # What a plain address would say of the master: user, database, TLS and other options.
    plain = f"{parts.scheme.partition('+')[0]}://{login}{at}any/{database}?{parts.query}"
    told = _parse_url(plain)
    del told["host"]
    tls = {name: value for name, value in told.items() if name.startswith("ssl_")}
    if told.pop("connection_class", None):
        tls["ssl"] = True
    limits = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout")}
    asked = [_sentinel_address(host) for host in hosts.split(",")]
    # One that doesn't answer is not asked again and again: another may, and all are asked again.
    sentinels = clients.sentinel(asked, sentinel_kwargs={**limits, **tls, "retry": None})
    return sentinels.master_for(service, **{**told, **tls, **options})


def _sentinel_address(host: str) -> tuple[str, int]:
    """Return host and port of one of the sentinels, which an address lists."""
    parts = urlsplit(f"//{host}")
    if not parts.hostname:
        raise ValueError("a sentinel's host is missing")
    return parts.hostname, parts.port or SENTINEL_PORT


def is_cluster(client: object) -> bool:
    """Return whether one command may only touch keys of one hash slot."""
    return isinstance(client, RedisCluster | redis.asyncio.RedisCluster)


def is_group_lost(error: redis.ResponseError) -> bool:
    """Return whether a read failed because stream or group are gone: the server lost its memory."""
    return str(error).startswith(("NOGROUP", "UNBLOCKED"))


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Turn redis-py's errors within the block into ours.

    Raises:
        BusFullError: the server is at `maxmemory`.
        BusUnavailableError: it doesn't answer, refuses the password, or can't work now (loads its
            data, has a full disk, is being replaced by another).
        BusError: it answered with any other error.
    """
    try:
        yield
    except redis.exceptions.OutOfMemoryError as cause:
        raise BusFullError(f"The Redis server at {address} is at its maxmemory.") from cause
    except (redis.RedisError, redis.exceptions.RedisClusterException) as cause:
        raise _translate(cause, address) from cause


def _translate(cause: Exception, address: str) -> GhostposeError:
    if isinstance(cause, redis.AuthenticationError):
        return BusUnavailableError(
            f"The Redis server at {address} refuses these credentials: {cause}."
        )
    if _may_pass(cause):
        return BusUnavailableError(
            f"The Redis server at {address} can't work now, it says: {_said(cause)}."
        )
    if isinstance(cause, redis.ConnectionError | redis.TimeoutError):
        return BusUnavailableError(
            f"No Redis server answers at {address} ({cause}): start one there, or give another"
            " address."
        )
    return BusError(f"The Redis server at {address} answered with an error: {cause}")


def _may_pass(cause: Exception) -> bool:
    """Return whether the same command may succeed later, with no change of ours."""
    if isinstance(cause, redis.exceptions.RedisClusterException):
        # redis-py's own: no node has this slot, or none can be reached. Its others are mistakes.
        return isinstance(cause, redis.exceptions.SlotNotCoveredError) or "connected" in str(cause)
    return isinstance(cause, _PASSING_ERRORS) or str(cause).partition(" ")[0] in PASSING_REPLIES


def _said(cause: Exception) -> str:
    return " ".join(str(cause).split()).rstrip(".") or type(cause).__name__
