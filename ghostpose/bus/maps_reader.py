"""Taking maps in order and committing results: the post-processing side of the bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.bus.connection import Bus
    from ghostpose.bus.lease import Lease
    from ghostpose.types import EndMessage, GapMessage, MapsMessage, PoseMessage


@dataclass(frozen=True, slots=True)
class MapsDelivery:
    """One entry of a partition's maps stream: maps, a tombstone, or the end of a session."""

    partition: int
    stream: str
    entry_id: str
    message: MapsMessage | GapMessage | EndMessage


@dataclass(frozen=True, slots=True)
class CameraPosition:
    """How far a camera's commits are. `session` is that of the last commit, -1 if none."""

    session: int
    committed_ticket: int


class MapsReader:
    """Reads the maps of leased partitions and commits what was made of them."""

    def __init__(self, bus: Bus) -> None:
        raise NotImplementedError

    @property
    def undecodable(self) -> int:
        """Maps entries that could not be decoded and became gaps (reason `decode`)."""
        raise NotImplementedError

    def pending(self, lease: Lease) -> list[MapsDelivery]:
        """Return everything handed out before and not committed, oldest first.

        To be read once, before the first `take`, by whoever has taken a lease over.
        """
        raise NotImplementedError

    def take(self, leases: Sequence[Lease], count: int, block_s: float) -> list[MapsDelivery]:
        """Return up to `count` new entries of each leased partition; wait up to `block_s`.

        Partitions whose lease was lost yield nothing: `renew` tells.
        """
        raise NotImplementedError

    def committed(self, camera: str) -> CameraPosition:
        """Return how far this camera's commits are."""
        raise NotImplementedError

    def state(self, camera: str) -> bytes:
        """Return the tracker state of the camera's last commit; b"" if there is none."""
        raise NotImplementedError

    def commit_pose(
        self, lease: Lease, delivery: MapsDelivery, pose: PoseMessage, state: bytes
    ) -> bool:
        """Commit a frame's pose message and the tracker state after it, in one step.

        False: this ticket was committed before, and the duplicate was dropped.

        Raises:
            LeaseLostError: the lease ran out or another worker has taken the partition.
            BusError: it isn't this ticket's turn.
        """
        raise NotImplementedError

    def commit_gap(self, lease: Lease, delivery: MapsDelivery, state: bytes | None) -> bool:
        """Commit a tombstone as a `gap` event; `state` None leaves the tracker state as it is."""
        raise NotImplementedError

    def commit_end(self, lease: Lease, delivery: MapsDelivery, state: bytes | None) -> bool:
        """Commit the end of a session as a `session_end` event and count it."""
        raise NotImplementedError
