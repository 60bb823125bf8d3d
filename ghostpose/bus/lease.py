"""Leases of partitions: who may commit there, told apart by fencing tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ghostpose.bus.steps import Step
from ghostpose.errors import InvalidValueError, LeaseLostError
from ghostpose.server import translated

if TYPE_CHECKING:
    from ghostpose.bus.connection import Bus

DEFAULT_TTL_S: Final = 5.0
"""How long a partition stands still after its holder is killed; renewed several times within."""


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

    def __init__(self, bus: Bus, worker: str, ttl_s: float = DEFAULT_TTL_S) -> None:
        if ttl_s <= 0:
            raise InvalidValueError(f"leases of {worker}: ttl_s {ttl_s} must be > 0")
        self._bus = bus
        self._worker = worker
        self._ttl_ms = max(1, round(ttl_s * 1000))

    def take(self, partition: int) -> Lease | None:
        """Take the lease if it is free, run out or this worker's; None if another holds it."""
        return self._run("take", partition)

    def renew(self, lease: Lease) -> Lease:
        """Move the lease's expiry to `ttl_s` from now, also if it ran out and nobody took it.

        Raises:
            LeaseLostError: another worker took the partition.
        """
        renewed = self._run("renew", lease.partition, lease.token)
        if renewed is None:
            raise LeaseLostError(
                f"{self._worker}: another worker has taken partition {lease.partition}."
            )
        return renewed

    def release(self, lease: Lease) -> None:
        """Give the lease back at once; nothing happens if it was lost already."""
        self._run("release", lease.partition, lease.token)

    def holders(self) -> dict[int, str]:
        """Return who holds each partition whose lease has not run out."""
        now_ms = self._bus.server_time_ms()
        keys = self._bus.keys
        with translated(self._bus.address), self._bus.client.pipeline(transaction=False) as batch:
            for partition in range(self._bus.partitions):
                batch.hmget(keys.lease(partition), "owner", "until")
            rows = batch.execute()
        return {
            partition: owner.decode("utf-8", "replace")
            for partition, (owner, until) in enumerate(rows)
            if owner is not None and int(until) > now_ms
        }

    def _run(self, what: str, partition: int, token: int = 0) -> Lease | None:
        if not 0 <= partition < self._bus.partitions:
            raise InvalidValueError(f"partition {partition} of {self._bus.partitions}")
        reply = self._bus.run(
            Step.LEASE,
            (self._bus.keys.lease(partition),),
            (what, self._worker, self._ttl_ms, token),
        )
        return Lease(partition, int(reply[0]), int(reply[1])) if reply else None
