"""Talks with a server: what is asked and in which order, apart from how one waits for answers.

A talk is a generator that yields what it asks and is sent each answer, or thrown redis-py's error.
So the logic of a reader stands once, and `Line` and `AsyncLine` hold the same talk with a `redis`
and a `redis.asyncio` client.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from redis.exceptions import RedisClusterException, RedisError

from ghostpose.async_server import connect_async
from ghostpose.redaction import without_password
from ghostpose.server import connect, is_cluster, translated

if TYPE_CHECKING:
    import redis
    import redis.asyncio

T = TypeVar("T")

Ask = Callable[[Any], Any]
"""Calls a client, which answers or returns what is to be awaited."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is asked for so long."""

    seconds: float


Talk = Generator[Ask | Pause, Any, T]


@dataclass(frozen=True, slots=True)
class _End(Generic[T]):
    """What a talk came to."""

    result: T


class Line:
    """Holds talks with a server; `source` is its URL or a client that somebody else closes.

    Raises:
        BusUnavailableError: no server answers there.
    """

    def __init__(self, source: str | redis.Redis, timeout_s: float) -> None:
        self._own = isinstance(source, str)
        self._client: Any = (
            connect(source, timeout_s=timeout_s) if isinstance(source, str) else source
        )
        self.address = _address(source)
        self.is_cluster = is_cluster(self._client)

    @classmethod
    def opened(
        cls, source: str | redis.Redis, timeout_s: float, first: Callable[[Line], Talk[None]]
    ) -> Line:
        """Return a line that has held its `first` talk; if that fails, it is closed."""
        line = cls(source, timeout_s)
        try:
            line.hold(first(line))
        except BaseException:
            line.close()
            raise
        return line

    def hold(self, talk: Talk[T]) -> T:
        """Return what a talk comes to; raises what `translated` does."""
        with translated(self.address):
            turn = _begun(talk)
            while not isinstance(turn, _End):
                turn = self._answered(talk, turn)
            return turn.result

    def _answered(self, talk: Talk[T], turn: Ask | Pause) -> Ask | Pause | _End[T]:
        if isinstance(turn, Pause):
            time.sleep(turn.seconds)
            return _sent(talk, None)
        try:
            answer = turn(self._client)
        except (RedisError, RedisClusterException) as error:
            return _thrown(talk, error)
        return _sent(talk, answer)

    def close(self) -> None:
        """Close the connection, if it was made here."""
        if self._own:
            self._client.close()


class AsyncLine:
    """The same with asyncio. Whoever cancels a talk finds the reader as it was before."""

    def __init__(self, client: Any, address: str, own: bool) -> None:
        self._client, self._own, self.address = client, own, address
        self.is_cluster = is_cluster(client)

    @classmethod
    async def opened(
        cls,
        source: str | redis.asyncio.Redis,
        timeout_s: float,
        first: Callable[[AsyncLine], Talk[None]],
    ) -> AsyncLine:
        """Return a line that has held its `first` talk, as `Line.opened`; raises as that does."""
        if isinstance(source, str):
            line = cls(await connect_async(source, timeout_s=timeout_s), _address(source), own=True)
        else:
            line = cls(source, _address(source), own=False)
        try:
            await line.hold(first(line))
        except BaseException:
            await line.close()
            raise
        return line

    async def hold(self, talk: Talk[T]) -> T:
        """Return what a talk comes to; raises what `translated` does."""
        with translated(self.address):
            turn = _begun(talk)
            while not isinstance(turn, _End):
                turn = await self._answered(talk, turn)
            return turn.result

    async def _answered(self, talk: Talk[T], turn: Ask | Pause) -> Ask | Pause | _End[T]:
        if isinstance(turn, Pause):
            await asyncio.sleep(turn.seconds)
            return _sent(talk, None)
        try:
            answer = await turn(self._client)
        except (RedisError, RedisClusterException) as error:
            return _thrown(talk, error)
        return _sent(talk, answer)

    async def close(self) -> None:
        """Close the connection, if it was made here."""
        if self._own:
            await self._client.aclose()


def _address(source: object) -> str:
    return without_password(source) if isinstance(source, str) else "the server"


def _begun(talk: Talk[T]) -> Ask | Pause | _End[T]:
    return _sent(talk, None)


def _sent(talk: Talk[T], answer: Any) -> Ask | Pause | _End[T]:
    try:
        return talk.send(answer)
    except StopIteration as stop:
        return _End(stop.value)


def _thrown(talk: Talk[T], error: Exception) -> Ask | Pause | _End[T]:
    try:
        return talk.throw(error)
    except StopIteration as stop:
        return _End(stop.value)
