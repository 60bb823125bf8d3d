"""Several programs that share the work of one: each record goes to one of them."""

from __future__ import annotations

import os
import secrets
import socket
from typing import TYPE_CHECKING, Self

from ghostpose.client.reader import entered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Iterator

    import redis
    import redis.asyncio

    from ghostpose.client.reading import Start
    from ghostpose.client.records import Record
    from ghostpose.client.sharing import Sharing
    from ghostpose.client.talks import AsyncLine
    from ghostpose.client.where import Where

CLAIM_AFTER_S = 30.0
"""A record that its reader has not acknowledged for so long goes to another: it died, or hangs."""


class PoseGroup:
    """One of any number of readers that share all records of some or all cameras.

    Each record is lent to one reader until that acknowledges it; those of a reader that died go to
    another. So each is handled at least once, and records of one camera may be handled side by
    side: what needs them in order reads by `PoseReader`. Iterating acknowledges a record as the
    next one is asked for, which is after it was handled; who leaves the loop by an exception or
    `break` gets that record, and those read with it, again.

    Args:
        source: URL of the Redis server, or a `redis` client.
        name: the group's; it keeps how far it has read, so it goes on where it stopped.
        cameras: only these; None = all, those that appear later too.
        start: `begin` or `now`: where a group that doesn't exist yet begins.
        where: only people in an area, only what happened in a time; None = everything.
        claim_after_s: see `CLAIM_AFTER_S`; longer than handling what one `read` returns may take.
        timeout_s: how long to try to reach the server.

    Raises:
        BusUnavailableError: no server answers there.
        ProtocolVersionError: the deployment there speaks another major version.
        InvalidValueError: the name is one of ghostpose's own, or empty.

    For one thread.
    """

    def __init__(
        self,
        source: str | redis.Redis,
        name: str,
        cameras: Collection[str] | None = None,
        *,
        start: Start = "now",
        where: Where | None = None,
        claim_after_s: float = CLAIM_AFTER_S,
        timeout_s: float = 5.0,
    ) -> None:
        from ghostpose.client.talks import Line

        self._sharing = _sharing(name, cameras, where, claim_after_s)
        self._line = Line.opened(source, timeout_s, lambda line: self._sharing.open(line, start))

    @property
    def undecodable(self) -> int:
        """Entries that were passed over because they could not be decoded."""
        return self._sharing.undecodable

    def read(self, block_s: float = 1.0, count: int = 10) -> list[Record]:
        """Return up to `count` of each stream, this reader's to handle; wait up to `block_s`.

        What was left behind comes first, else what is new; a camera's records are in order.

        Raises:
            BusUnavailableError: the server went away.
        """
        return self._line.hold(self._sharing.read(block_s, count))

    def acknowledge(self, records: Iterable[Record]) -> None:
        """Say that these are handled, and that nobody need do it again.

        Raises:
            BusUnavailableError: the server went away; they will come again.
        """
        self._line.hold(self._sharing.acknowledge(records))

    def __iter__(self) -> Iterator[Record]:
        """Yield what comes, for ever; each is acknowledged when the next one is asked for."""
        while True:
            left = self.read()
            try:
                while left:
                    yield left[0]
                    self.acknowledge(left[:1])
                    del left[0]
            finally:
                self._sharing.put_back(left)

    def close(self) -> None:
        """Leave the group; what was not acknowledged goes to the others."""
        from ghostpose.errors import BusUnavailableError

        try:
            self._line.hold(self._sharing.leave())
        except BusUnavailableError:
            pass  # others take this reader off the list, once it has been silent for an hour
        finally:
            self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncPoseGroup:
    """`PoseGroup` for asyncio, with the same arguments: to be entered by `async with`."""

    def __init__(
        self,
        source: str | redis.asyncio.Redis,
        name: str,
        cameras: Collection[str] | None = None,
        *,
        start: Start = "now",
        where: Where | None = None,
        claim_after_s: float = CLAIM_AFTER_S,
        timeout_s: float = 5.0,
    ) -> None:
        self._sharing = _sharing(name, cameras, where, claim_after_s)
        self._source, self._start, self._timeout_s = source, start, timeout_s
        self._line: AsyncLine | None = None

    @property
    def undecodable(self) -> int:
        """Entries that were passed over because they could not be decoded."""
        return self._sharing.undecodable

    async def read(self, block_s: float = 1.0, count: int = 10) -> list[Record]:
        """See `PoseGroup.read`."""
        return await entered(self, self._line).hold(self._sharing.read(block_s, count))

    async def acknowledge(self, records: Iterable[Record]) -> None:
        """See `PoseGroup.acknowledge`."""
        await entered(self, self._line).hold(self._sharing.acknowledge(records))

    async def __aiter__(self) -> AsyncIterator[Record]:
        """Yield what comes, for ever; each is acknowledged when the next one is asked for."""
        while True:
            left = await self.read()
            try:
                while left:
                    yield left[0]
                    await self.acknowledge(left[:1])
                    del left[0]
            finally:
                self._sharing.put_back(left)

    async def __aenter__(self) -> Self:
        from ghostpose.client.talks import AsyncLine

        self._line = await AsyncLine.opened(
            self._source, self._timeout_s, lambda line: self._sharing.open(line, self._start)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        from ghostpose.errors import BusUnavailableError

        line = entered(self, self._line)
        try:
            await line.hold(self._sharing.leave())
        except BusUnavailableError:
            pass  # see PoseGroup.close
        finally:
            await line.close()


def _sharing(
    name: str, cameras: Collection[str] | None, where: Where | None, claim_after_s: float
) -> Sharing:
    from ghostpose.client.sharing import Sharing
    from ghostpose.client.where import Where
    from ghostpose.errors import InvalidValueError
    from ghostpose.topics import STORE_GROUP

    if name in ("", STORE_GROUP):
        raise InvalidValueError(
            f"group {name!r}: this name is taken by ghostpose itself, or empty: choose another"
        )
    member = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    return Sharing(name, member, cameras, where or Where(), claim_after_s)
