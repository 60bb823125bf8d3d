"""Stream entries as redis replies hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ghostpose.codec.messages import Entry


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One entry: its id, and its fields."""

    id: str
    fields: Entry

    @property
    def at_ms(self) -> int:
        """The server's clock when it was appended, Unix ms."""
        return id_ms(self.id)


def id_ms(entry_id: str) -> int:
    """Return the milliseconds of an entry id."""
    return int(entry_id.partition("-")[0])


def from_script(entries: Iterable[Any]) -> Iterator[StreamEntry]:
    """Yield the entries of a script's reply: [[id, [field, value, ...]], ...]."""
    for entry_id, flat in entries:
        yield StreamEntry(entry_id.decode(), dict(zip(flat[::2], flat[1::2], strict=True)))


def from_read(reply: Any) -> Iterator[tuple[str, StreamEntry]]:
    """Yield (stream, entry) of what redis-py makes of XREAD and XREADGROUP.

    Entries that were deleted while pending have no fields.
    """
    for stream, entries in reply or ():
        for entry_id, fields in entries:
            yield stream.decode(), StreamEntry(entry_id.decode(), fields or {})
