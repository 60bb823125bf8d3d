"""Which partitions a worker should hold: a fair share, moved as little as possible. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


@dataclass(frozen=True, slots=True)
class Moves:
    """Partitions to give back, and free ones to take."""

    release: tuple[int, ...] = ()
    take: tuple[int, ...] = ()


def plan_moves(
    me: str, workers: Collection[str], holders: Mapping[int, str], partitions: int
) -> Moves:
    """Return what worker `me` does now so that all `workers` come to hold an equal share.

    `holders` says who holds each partition whose lease has not run out. Partitions that nobody
    holds are taken up to the share; what is held above it is given back, for others to take. Each
    worker decides alone; two that want the same partition settle it by the lease itself.
    """
    share = _share(me, workers, partitions)
    mine = sorted(partition for partition, holder in holders.items() if holder == me)
    free = [partition for partition in range(partitions) if partition not in holders]
    # Workers begin at different places, so that they rarely want the same partition.
    start = sorted({*workers, me}).index(me) * partitions // len({*workers, me})
    free.sort(key=lambda partition: (partition - start) % partitions)
    return Moves(tuple(mine[share:]), tuple(free[: max(0, share - len(mine))]))


def _share(me: str, workers: Collection[str], partitions: int) -> int:
    """Return how many partitions are `me`'s: the remainder goes to the first by name."""
    names = sorted({*workers, me})
    share, remainder = divmod(partitions, len(names))
    return share + (names.index(me) < remainder)
