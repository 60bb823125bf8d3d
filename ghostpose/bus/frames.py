"""Taking frames and handing in maps: the inference side of the bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ghostpose.bus.connection import Bus
    from ghostpose.types import FrameMessage, Maps, MapsCodec, SkipReason


@dataclass(frozen=True, slots=True)
class FrameDelivery:
    """A frame lent to this worker. `deliveries` counts how often it was handed out, from 1."""

    stream: str
    entry_id: str
    message: FrameMessage
    deliveries: int


class FrameReader:
    """Takes frames of all cameras, oldest first, and hands in their maps."""

    def __init__(self, bus: Bus, worker: str) -> None:
        raise NotImplementedError

    @property
    def buried(self) -> int:
        """Entries this reader could not decode and gave up."""
        raise NotImplementedError

    def take(self, count: int, block_s: float) -> list[FrameDelivery]:
        """Return up to `count` of the oldest waiting frames; wait up to `block_s` for the first.

        Entries that can't be decoded are buried and counted, never returned.
        """
        raise NotImplementedError

    def claim_idle(self, min_idle_s: float, count: int) -> list[FrameDelivery]:
        """Take over up to `count` frames that other workers took and left for `min_idle_s`."""
        raise NotImplementedError

    def finish(
        self,
        delivery: FrameDelivery,
        maps: Maps,
        *,
        codec: MapsCodec = "compact",
        wait_ms: float,
        inference_ms: float,
    ) -> bool:
        """Hand in a frame's maps. False: another worker was first, and these vanish."""
        raise NotImplementedError

    def finish_encoded(
        self,
        delivery: FrameDelivery,
        maps_data: bytes,
        *,
        wait_ms: float,
        inference_ms: float,
    ) -> bool:
        """As `finish`, with maps that `encode_maps` made before (in another thread, say)."""
        raise NotImplementedError

    def skip(self, delivery: FrameDelivery, reason: SkipReason) -> bool:
        """Leave a tombstone in the frame's place. False: another worker was first."""
        raise NotImplementedError

    def bury(self, delivery: FrameDelivery, reason: SkipReason, detail: str) -> bool:
        """Give a frame up: to the dead letters, a tombstone in its place. False: not first."""
        raise NotImplementedError

    def server_time_ms(self) -> int:
        """Return the server's clock, Unix ms."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave the group; frames still lent to this worker stay claimable."""
        raise NotImplementedError
