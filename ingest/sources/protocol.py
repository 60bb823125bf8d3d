"""What a source of pictures is: a file, a folder, a test pattern, a network camera, a USB camera.

Opening, reading and closing are apart. `open_source` makes an opened `Source` or raises a
`SourceError`; `pictures()` blocks for each picture; `close()` frees what was opened. A picture
stays in the decoder's own format until somebody asks for its pixels, so that frames which are
skipped cost no conversion.

Words of the container world: a container holds streams, a stream gives packets (still encoded), a
packet gives frames (decoded). Here a decoded frame is a `Picture`, since a frame of ghostpose has
a number and a place in a session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghostpose.types import ByteArray


BURST_SILENCE_S: Final = 30.0
"""A source that comes in bursts is silent only after so long: HLS has segments of ten seconds."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source knows about itself before its first picture is read.

    `width` and `height` are those of the pictures as delivered (rotation done), in pixels;
    `live` sources give pictures when they happen and should never end; those that come in `bursts`
    (a segment at a time) are to be played by their media time; `frames` and `length_s` are what the
    container says, None where it doesn't; `recorded_at` is when media time 0 was, in Unix seconds,
    if the container knows.
    """

    description: str
    width: int
    height: int
    nominal_fps: float
    live: bool = False
    bursts: bool = False
    frames: int | None = None
    length_s: float | None = None
    recorded_at: float | None = None

    @property
    def nominal_interval_s(self) -> float:
        """Seconds from one picture to the next if the source's clock is right."""
        return 1.0 / self.nominal_fps


class Picture(Protocol):
    """One decoded picture. `media_time` is the source's own clock in seconds, None if it has none.

    That clock may stand still or step back: `ingest.clock` repairs it.
    """

    @property
    def media_time(self) -> float | None:
        """Seconds from the source's beginning."""

    @property
    def width(self) -> int:
        """Pixels a row, rotation done."""

    @property
    def height(self) -> int:
        """Rows, rotation done."""

    def pixels(self, width: int, height: int) -> ByteArray:
        """Return the whole picture resized to `width` x `height`: uint8 (height, width, 3) BGR."""

    def sample(self) -> ByteArray:
        """Return some of its brightness values as they were decoded: uint8, any shape, cheap."""


@dataclass(frozen=True, slots=True)
class NoPicture:
    """Stands where a picture should be. Counted as read and skipped, but for `NothingYet`."""


@dataclass(frozen=True, slots=True)
class NothingYet(NoPicture):
    """Nothing was due: a source that waits says so now and then, so that it can be stopped."""


@dataclass(frozen=True, slots=True)
class Undecodable(NoPicture):
    """Its bytes are damaged, or didn't come."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undecoded(NoPicture):
    """It was left undecoded: at the camera's rate nobody needs it."""


@dataclass(frozen=True, slots=True)
class Repeated(NoPicture):
    """The source gave the very picture that it gave before."""


Item: TypeAlias = Picture | NoPicture
"""What a source gives each time."""


class Source(Protocol):
    """An opened source. Read by one thread; `close` after reading has stopped."""

    @property
    def info(self) -> SourceInfo:
        """What the source says about itself."""

    @property
    def ended_early(self) -> str | None:
        """After the last picture: one sentence if there should have been more, else None.

        A live source should always have had more.
        """

    def pictures(self) -> Iterator[Item]:
        """Give every picture once, in the order of display.

        Raises:
            SourceError: the source broke in a way that reading can't go on from.
        """

    def close(self) -> None:
        """Free the decoder and the file; harmless when repeated."""


@runtime_checkable
class SparingSource(Protocol):
    """A source that decodes no more than a rate needs."""

    def spare(self, fps: float | None) -> None:
        """Decode what `fps` pictures a second need from now on; callable from any thread."""
