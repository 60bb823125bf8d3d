"""Reaching a Redis server with asyncio: as `ghostpose.server` does, same errors and waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

import redis.asyncio
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel

from ghostpose.passwords import resolved
from ghostpose.redaction import without_password
from ghostpose.server import Clients, backoff, client_for, options_for, translated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class _RetryWithin(Retry):
    """Tries again for so long, however long each attempt takes: a silent server takes seconds."""

    def __init__(self, timeout_s: float, retries: int) -> None:
        super().__init__(backoff(), retries)
        self._timeout_s = timeout_s

    async def call_with_retry(
        self, do: Callable[[], Awaitable[Any]], fail: Callable[..., Any], *more: Any, **others: Any
    ) -> Any:
        """See `Retry.call_with_retry`."""
        until_s = time.monotonic() + self._timeout_s

        async def fail_in_time(error: Exception, *counted: int) -> None:
            await fail(error, *counted)
            if time.monotonic() >= until_s:
                raise error

        return await super().call_with_retry(do, fail_in_time, *more, **others)


async def connect_async(url: str, *, timeout_s: float) -> redis.asyncio.Redis:
    """Connect as `ghostpose.server.connect` does; raises the same."""
    address, url = without_password(url), resolved("the Redis server", url)
    options = options_for(timeout_s, _RetryWithin)
    client: Any = client_for(url, options, _CLIENTS, address)
    with translated(address):
        mode = await client.info("cluster")
        if not mode.get("cluster_enabled"):
            return cast("redis.asyncio.Redis", client)
        await client.aclose()
        return cast("redis.asyncio.Redis", RedisCluster.from_url(url, **options))


_CLIENTS = Clients(redis.asyncio.Redis, cast("Any", Sentinel))
