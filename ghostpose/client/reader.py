"""Reading poses and events of cameras, resumable: what a consumer of ghostpose runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from ghostpose.types import EventMessage, PoseMessage

Start = Literal["begin", "now"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a camera was read: the last ids of its poses and events streams."""

    poses_id: str = "0-0"
    events_id: str = "0-0"


@dataclass(frozen=True, slots=True)
class PoseRecord:
    """One entry of a poses stream. `json` is its field `d` as it came."""

    camera: str
    stream_id: str
    committed_ms: int
    published_ms: int
    message: PoseMessage
    json: bytes


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One entry of an events stream. `json` is its field `d` as it came."""

    camera: str
    stream_id: str
    committed_ms: int
    message: EventMessage
    json: bytes


class PoseReader:
    """Reads the poses and events of some or all cameras, each camera's in the order of commits.

    Args:
        source: URL of the Redis server, or a `redis` client (a `Bus`'s `client`, for one).
        cameras: only these; None = all, those that appear later too.
        cursor: where to go on, from the `cursor` of an earlier reader; cameras that are not in it
            start by `start`.
        start: `begin`: with what the streams still hold; `now`: with what comes after this call.
            Cameras that appear later are read from their begin.
    """

    def __init__(
        self,
        source: str | Any,
        cameras: Collection[str] | None = None,
        *,
        cursor: Mapping[str, Cursor] | None = None,
        start: Start = "now",
        timeout_s: float = 5.0,
    ) -> None:
        raise NotImplementedError

    @property
    def cursor(self) -> dict[str, Cursor]:
        """How far each camera was read: give it to a later reader to go on there."""
        raise NotImplementedError

    @property
    def undecodable(self) -> int:
        """Entries that were passed over because they could not be decoded."""
        raise NotImplementedError

    def read(self, block_s: float = 1.0, count: int = 100) -> list[PoseRecord | EventRecord]:
        """Return what is new, up to `count` of each stream; wait up to `block_s` for the first.

        Raises:
            BusUnavailableError: the server went away.
        """
        raise NotImplementedError

    def __iter__(self) -> Iterator[PoseRecord | EventRecord]:
        """Yield what comes, for ever."""
        while True:
            yield from self.read()

    def close(self) -> None:
        """Close the connection, if this reader made it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
