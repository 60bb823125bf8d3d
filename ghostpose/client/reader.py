"""Reading poses and events of cameras, resumable: what a consumer of ghostpose runs.

Redis and numpy are imported with the first reader, not with this module: programs that only might
read poses start as fast as without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping

    import redis
    import redis.asyncio

    from ghostpose.client.reading import Reading, Start
    from ghostpose.client.records import Cursor, Record
    from ghostpose.client.talks import AsyncLine
    from ghostpose.client.where import Where


class _Standing:
    """What any reader says of where it stands."""

    _reading: Reading

    @property
    def cursor(self) -> dict[str, Cursor]:
        """How far each camera was read: give it to a later reader to go on there."""
        return dict(self._reading.cursor)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras that are read."""
        return tuple(self._reading.entries)

    @property
    def undecodable(self) -> int:
        """Entries that were passed over because they could not be decoded."""
        return self._reading.undecodable

    @property
    def missed(self) -> int:
        """Frames whose outcome never came: trimmed away before it was read, or undecodable.

        Counted in sessions whose begin this reader read, else from where it came in.
        """
        return self._reading.missed


class PoseReader(_Standing):
    """Reads the poses and events of some or all cameras, each camera's in the order of commits.

    Args:
        source: URL of the Redis server, or a `redis` client (a `Bus`'s `client`, for one).
        cameras: only these; None = all, those that appear later too.
        cursor: where to go on, from the `cursor` of an earlier reader; cameras that are not in it
            start by `start`.
        start: `begin`: with what the streams still hold; `now`: with what comes after this call.
            Cameras that appear later are read from their begin.
        where: only people in an area, only what happened in a time; None = everything.
        timeout_s: how long to try to reach the server.

    Raises:
        BusUnavailableError: no server answers there.
        ProtocolVersionError: the deployment there speaks another major version.

    For one thread.
    """

    def __init__(
        self,
        source: str | redis.Redis,
        cameras: Collection[str] | None = None,
        *,
        cursor: Mapping[str, Cursor] | None = None,
        start: Start = "now",
        where: Where | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        from ghostpose.client.talks import Line

        self._reading = _reading(cameras, cursor, where)
        self._line = Line.opened(source, timeout_s, lambda line: self._reading.open(line, start))

    def read(self, block_s: float = 1.0, count: int = 100) -> list[Record]:
        """Return what is new, up to `count` of each stream; wait up to `block_s` for the first.

        Raises:
            BusUnavailableError: the server went away.
        """
        return self._line.hold(self._reading.read(block_s, count))

    def __iter__(self) -> Iterator[Record]:
        """Yield what comes, for ever."""
        while True:
            yield from self.read()

    def close(self) -> None:
        """Close the connection, if this reader made it."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncPoseReader(_Standing):
    """`PoseReader` for asyncio, with the same arguments: to be entered by `async with`.

    It connects as it is entered, and `start` is counted from then; `source` may be a
    `redis.asyncio` client. A `read` that is cancelled leaves the reader where it was. For one task.
    """

    def __init__(
        self,
        source: str | redis.asyncio.Redis,
        cameras: Collection[str] | None = None,
        *,
        cursor: Mapping[str, Cursor] | None = None,
        start: Start = "now",
        where: Where | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        self._reading = _reading(cameras, cursor, where)
        self._source, self._start, self._timeout_s = source, start, timeout_s
        self._line: AsyncLine | None = None

    async def read(self, block_s: float = 1.0, count: int = 100) -> list[Record]:
        """See `PoseReader.read`."""
        return await entered(self, self._line).hold(self._reading.read(block_s, count))

    async def __aiter__(self) -> AsyncIterator[Record]:
        """Yield what comes, for ever."""
        while True:
            for record in await self.read():
                yield record

    async def __aenter__(self) -> Self:
        from ghostpose.client.talks import AsyncLine

        self._line = await AsyncLine.opened(
            self._source, self._timeout_s, lambda line: self._reading.open(line, self._start)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await entered(self, self._line).close()


def entered(owner: object, line: AsyncLine | None) -> AsyncLine:
    """Return the line of a reader that was entered.

    Raises:
        InvalidValueError: it was not.
    """
    from ghostpose.errors import InvalidValueError

    if line is None:
        name = type(owner).__name__
        raise InvalidValueError(f"{name}: not connected yet: write async with {name}(...) as it")
    return line


def _reading(
    cameras: Collection[str] | None, cursor: Mapping[str, Cursor] | None, where: Where | None
) -> Reading:
    from ghostpose.client.reading import Reading
    from ghostpose.client.where import Where

    return Reading(cameras, cursor, where or Where())
