"""How long the store keeps what it holds: by age and by size, oldest first, in small steps."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from postprocess.store.pruning import Removed, ages, remove_some
from postprocess.store.size import file_bytes, give_back, measured, vacuum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from postprocess.store.size import Room

DAY_S: Final = 86_400.0
GB: Final = 10**9

EVERY_S: Final = 60.0
"""How often a store looks whether it has become too old or too large."""

LEAST_S: Final = 0.05
"""Where writing took less, pruning may take so long."""

SLICES: Final = 100
"""Of a store that is too large each camera loses a hundredth of the whole time, then the next."""

_BY_SIZE: Final = 0x67686F7375
"""Name of the lock that who removes by size holds, on PostgreSQL."""

_log = logging.getLogger(f"{__name__}.Pruner")


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept: frames that came at most `keep_days` ago, in at most `max_gb`; None: all."""

    keep_days: float | None = None
    max_gb: float | None = None


KEEP_ALL: Final = Retention()


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, how many bytes the rows that are left take, and the files with them."""

    removed: Removed
    used_bytes: int
    file_bytes: int


def prune(
    engine: Engine, retention: Retention, tell: Callable[[Removed], None] = lambda _: None
) -> Pruned:
    """Remove what is too old or too much; many small transactions, so that writing goes on.

    `tell` hears how much that is so far.

    Raises:
        SQLAlchemyError: the database doesn't do it (now); what was removed until then is.
    """
    removed = Removed()
    for step in pruning(engine, retention):
        removed += step
        tell(removed)
    vacuum(engine)
    with engine.connect() as connection:
        return Pruned(removed, round(measured(connection).used_bytes), file_bytes(connection))


def pruning(engine: Engine, retention: Retention) -> Iterator[Removed]:
    """Do what `prune` does, one step each time that it is asked for the next."""
    if retention.keep_days is not None:
        yield from _remove_before(engine, time.time() - retention.keep_days * DAY_S)
    if retention.max_gb is not None:
        with _alone(engine) as is_alone:
            if is_alone:
                yield from _remove_until(engine, retention.max_gb * GB)
    while give_back(engine):
        yield Removed()


def _remove_before(engine: Engine, before: float) -> Iterator[Removed]:
    with engine.connect() as connection:
        old = [camera for camera, since in ages(connection).items() if since < before]
    for camera in old:
        while (removed := _remove_some(engine, camera, before)) is not None:
            yield removed


def _remove_some(engine: Engine, camera_id: int, before: float) -> Removed | None:
    with engine.begin() as connection:
        return remove_some(connection, camera_id, before)


@contextmanager
def _alone(engine: Engine) -> Iterator[bool]:
    """Whether nobody else removes by size for as long as the block lasts.

    On PostgreSQL, whose size is an estimate, each would remove all that is too much.
    """
    if engine.dialect.name == "sqlite":
        yield True
        return
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        yield bool(connection.execute(select(func.pg_try_advisory_lock(_BY_SIZE))).scalar_one())
    finally:
        # The server notices some time later that a session is gone; the next one needn't wait.
        with suppress(SQLAlchemyError):
            connection.execute(select(func.pg_advisory_unlock_all()))
        connection.invalidate()  # the lock ends with its session, whatever has become of that
        connection.close()


def _remove_until(engine: Engine, most_bytes: float) -> Iterator[Removed]:
    """Move a time forward from the oldest frame on, removing what came before it."""
    with engine.connect() as connection:
        room = measured(connection)
        since = min(ages(connection).values(), default=time.time())
    slice_s = max(1.0, (time.time() - since) / SLICES)
    removed = Removed()
    for number in range(1, SLICES + 2):
        if _room_without(engine, room, removed) <= most_bytes:
            return
        for step in _remove_before(engine, since + number * slice_s):
            removed += step
            yield step
            if _room_without(engine, room, removed) <= most_bytes:
                return


def _room_without(engine: Engine, room: Room, removed: Removed) -> float:
    with engine.connect() as connection:
        return room.without(connection, removed.frames + removed.people)


class Pruner:
    """Prunes now and then, beside writing: never longer at a time than writing takes."""

    def __init__(self, engine: Engine, retention: Retention) -> None:
        self._engine, self._retention = engine, retention
        self._steps: Iterator[Removed] = iter(())
        self._due_s = time.monotonic()

    def work(self, at_most_s: float) -> None:
        """Remove some of what is to be removed, if it is time to: a step at least.

        What the database refuses now is tried again next time.
        """
        if self._retention == KEEP_ALL:
            return
        until_s = time.monotonic() + max(at_most_s, LEAST_S)
        try:
            while self._goes_on() and time.monotonic() < until_s:
                pass
        except SQLAlchemyError as error:
            _log.warning("can't remove old rows now: %s", error)
            self._steps = iter(())

    def _goes_on(self) -> bool:
        """Do a step; whether there is a next one."""
        if next(self._steps, None) is not None:
            return True
        if time.monotonic() < self._due_s:
            return False
        self._due_s = time.monotonic() + EVERY_S
        self._steps = pruning(self._engine, self._retention)
        return True
