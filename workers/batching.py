"""Which frames go through the network together, and which not at all: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ghostpose.bus import FrameDelivery
    from ghostpose.types import ByteArray, FrameInfo


@dataclass(frozen=True, slots=True)
class PreparedFrame:
    """A frame that is ready for the network: `image_hw3` is decoded and padded to the stride."""

    delivery: FrameDelivery
    image_hw3: ByteArray

    @property
    def size_hw(self) -> tuple[int, ...]:
        """Height and width that the network sees."""
        return self.image_hw3.shape[:2]


def by_size(frames: Iterable[PreparedFrame]) -> list[list[PreparedFrame]]:
    """Return the frames in groups of one size, each in the order given."""
    groups: dict[tuple[int, ...], list[PreparedFrame]] = {}
    for frame in frames:
        groups.setdefault(frame.size_hw, []).append(frame)
    return list(groups.values())


def in_batches(frames: Sequence[PreparedFrame], size: int) -> Iterator[Sequence[PreparedFrame]]:
    """Yield the frames in pieces of at most `size`."""
    for start in range(0, len(frames), size):
        yield frames[start : start + size]


def is_stale(info: FrameInfo, now_ms: float) -> bool:
    """Return whether a frame is older than its camera allows (`max_age_ms` 0 allows any age).

    `now_ms` is the server's clock, as is a live frame's `captured_at`.
    """
    return 0 < info.max_age_ms < now_ms - info.captured_at * 1000
