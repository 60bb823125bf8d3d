"""A recording played again and again as one endless source with growing media time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ingest.sources.protocol import Item, NoPicture, Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ghostpose.types import ByteArray
    from ingest.sources.protocol import Source


class _Later:
    """A picture whose media time is moved into its lap."""

    __slots__ = ("_picture", "media_time")

    def __init__(self, picture: Picture, media_time: float | None) -> None:
        self._picture, self.media_time = picture, media_time

    @property
    def width(self) -> int:
        return self._picture.width

    @property
    def height(self) -> int:
        return self._picture.height

    def pixels(self, width: int, height: int) -> ByteArray:
        return self._picture.pixels(width, height)

    def sample(self) -> ByteArray:
        return self._picture.sample()


class Replay:
    """Plays `first`, then what `reopen` opens, for ever; it is opened anew for each lap.

    The first lap may begin in the middle; later ones begin at the beginning. A lap is as long as
    the latest time in it plus one interval, so time grows over the seam as within a lap.
    """

    def __init__(self, first: Source, reopen: Callable[[], Source]) -> None:
        self._source, self._reopen = first, reopen
        self.info = replace(first.info, frames=None, length_s=None)
        self.ended_early: str | None = None

    def pictures(self) -> Iterator[Item]:
        """See `Source.pictures`. Ends only if a lap gives no picture at all."""
        lap_start_s, played = 0.0, True
        while played:
            played, length_s = False, 0.0
            for item in self._source.pictures():
                if isinstance(item, NoPicture):
                    yield item
                    continue
                played = True
                length_s = max(length_s, item.media_time or 0.0)
                time_s = None if item.media_time is None else lap_start_s + item.media_time
                yield _Later(item, time_s)
            lap_start_s += length_s + self.info.nominal_interval_s
            self._source.close()
            self._source = self._reopen()
        self.ended_early = f"{self.info.description}: no picture came in a whole lap"

    def close(self) -> None:
        """Close the lap that is open."""
        self._source.close()
