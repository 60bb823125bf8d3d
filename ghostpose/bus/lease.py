"""Leases of partitions: who may commit there, told apart by fencing tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ghostpose.bus.connection import Bus


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to commit in a partition. `until_ms` is by the server's clock.

    `token` is higher than that of every lease of this partition before, even before a loss of the
    server's memory.
    """

    partition: int
    token: int
    until_ms: int


class PartitionLeases:
    """Takes, renews and releases leases in one worker's name."""

    def __init__(self, bus: Bus, worker: str, ttl_s: float = 5.0) -> None:
        raise NotImplementedError

    def take(self, partition: int) -> Lease | None:
        """Take the lease if it is free, run out or this worker's; None if another holds it."""
        raise NotImplementedError

    def renew(self, lease: Lease) -> Lease:
        """Move the lease's expiry to `ttl_s` from now.

        Raises:
            LeaseLostError: another worker took the partition.
        """
        raise NotImplementedError

    def release(self, lease: Lease) -> None:
        """Give the lease back at once; nothing happens if it was lost already."""
        raise NotImplementedError

    def holders(self) -> dict[int, str]:
        """Return who holds each partition whose lease has not run out."""
        raise NotImplementedError
