"""The end of a run's store: it is stopped last, and given the time that it makes use of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import redis

from app.launch import ProcessDiedError
from ghostpose.server import translated
from ghostpose.topics import STORE_GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from app.launch import Children
    from ghostpose.bus import Bus

STALL_S: Final = 20.0
"""A store that is stopping and has written nothing for so long is given up."""

LOOK_EVERY_S: Final = 0.1


def drain_store(children: Children, waiting: Callable[[], int], stall_s: float = STALL_S) -> None:
    """Stop the store, and wait for its end as long as fewer and fewer messages are `waiting`.

    Raises:
        ProcessDiedError: messages are left that it did not store.
        BusUnavailableError: the server went away meanwhile.
    """
    children.terminate("store")
    fewest, since_s = waiting(), time.monotonic()
    while children.alive("store"):
        left = waiting()
        if left < fewest:
            fewest, since_s = left, time.monotonic()
        if time.monotonic() - since_s > stall_s:
            break
        time.sleep(LOOK_EVERY_S)
    left = waiting()
    if left:
        raise ProcessDiedError(
            f"the store was stopped with {left} messages not in its database, since it made no"
            " progress any more: see what the database says",
            1,
        )


def unstored(bus: Bus, cameras: Collection[str]) -> int:
    """Return how many poses and events of `cameras` the store group hasn't acknowledged.

    Raises:
        BusUnavailableError: the server doesn't answer.
    """
    entries = [entry for name, entry in bus.cameras().items() if name in cameras]
    return sum(
        _unstored(bus, key) for entry in entries for key in (entry.poses_key, entry.events_key)
    )


def _unstored(bus: Bus, key: str) -> int:
    with translated(bus.address):
        try:
            groups: Any = bus.client.xinfo_groups(key)
        except redis.ResponseError:
            return 0  # no such stream: nothing ever came
        for group in groups:
            if group["name"] == STORE_GROUP.encode():
                return int(group["pending"]) + int(group["lag"] or 0)
        length: Any = bus.client.xlen(key)
        return int(length)
