"""Removing the oldest of what a camera left in the store, a little in each transaction.

A camera's frames go in the order in which they came, by session and seq, so one place says how far
that is: what is at or before `pruned_session`, `pruned_seq` is gone, and the writer lets nothing
back in that is delivered again. A frame is as old as its capture, or as its session's opening where
that is later: a recording of last year that is analysed today came today.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, delete, func, select, update

from postprocess.store import schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Row, Select, Table

ROWS_A_STEP: Final = 2_000
"""Rows that one transaction removes, more or less: so long a writer may have to wait."""

WHOLE: Final = 2**63 - 1
"""As `pruned_seq`: all of the session is gone."""


@dataclass(frozen=True, slots=True)
class Removed:
    """How many frames, and poses of people in them, were removed."""

    frames: int = 0
    people: int = 0

    def __add__(self, other: Removed) -> Removed:
        return Removed(self.frames + other.frames, self.people + other.people)


def ages(connection: Connection) -> dict[int, float]:
    """Return since when there is something to remove of each camera, by its id: Unix seconds."""
    begun, frame = _begun().subquery(), schema.poses.c
    captured = (
        select(frame.captured_at)
        .where(frame.camera_id == begun.c.id, frame.session == begun.c.first)
        .order_by(frame.seq)
        .limit(1)
        .correlate(begun)
        .scalar_subquery()
    )
    rows = connection.execute(select(begun, captured.label("captured_at")))
    return {
        row.id: max(row.first / 1000, row.captured_at or 0.0)
        for row in rows
        if row.captured_at is not None or row.first < row.last
    }


def _begun() -> Select[Any]:
    """Each camera's id with its first and last session that the store holds."""
    session = schema.sessions.c
    return select(
        session.camera_id.label("id"),
        func.min(session.session).label("first"),
        func.max(session.session).label("last"),
    ).group_by(session.camera_id)


def remove_some(connection: Connection, camera_id: int, before: float) -> Removed | None:
    """Remove a little of what came from a camera before a time; None: there is nothing (more)."""
    camera = _locked(connection, camera_id)
    session, following = _oldest_sessions(connection, camera_id)
    if session is None:
        return None
    is_over = following is not None and following / 1000 < before
    after = camera.pruned_seq if camera.pruned_session == session else -1
    frames = _frames(connection, camera_id, session, after)
    if not is_over:
        frames = list(takewhile(lambda f: max(f.captured_at, session / 1000) < before, frames))
    if frames:
        return _remove(connection, camera_id, session, _as_many_as_one_step_takes(frames))
    if is_over:
        return _remove(connection, camera_id, session, _last_gap(connection, camera_id, session))
    return None


def _locked(connection: Connection, camera_id: int) -> Row[Any]:
    """Return a camera's row; until the transaction's end no writer works by what it says now."""
    table = schema.cameras
    found = select(table).where(table.c.id == camera_id).with_for_update(key_share=True)
    return connection.execute(found).one()


def _oldest_sessions(connection: Connection, camera_id: int) -> tuple[int | None, int | None]:
    table = schema.sessions.c
    found = (
        select(table.session).where(table.camera_id == camera_id).order_by(table.session).limit(2)
    )
    first, second, *_ = (*connection.execute(found).scalars(), None, None)
    return first, second


def _frames(connection: Connection, camera_id: int, session: int, after: int) -> list[Row[Any]]:
    table = schema.poses.c
    found = (
        select(table.seq, table.captured_at, table.people)
        .where(table.camera_id == camera_id, table.session == session, table.seq > after)
        .order_by(table.seq)
        .limit(ROWS_A_STEP)
    )
    return list(connection.execute(found))


def _as_many_as_one_step_takes(frames: Sequence[Row[Any]]) -> int:
    """Return the seq of the last frame that still fits, the first in any case."""
    rows, last = 0, frames[0].seq
    for frame in frames:
        rows += 1 + frame.people
        if rows > ROWS_A_STEP:
            break
        last = frame.seq
    return int(last)


def _last_gap(connection: Connection, camera_id: int, session: int) -> int:
    """Return up to which gap one step goes where no frames are left, or all of the session."""
    table = schema.gaps.c
    found = (
        select(table.seq)
        .where(table.camera_id == camera_id, table.session == session)
        .order_by(table.seq)
        .limit(ROWS_A_STEP)
    )
    seqs = connection.execute(found).scalars().all()
    return seqs[-1] if len(seqs) == ROWS_A_STEP else WHOLE


def _remove(connection: Connection, camera_id: int, session: int, upto: int) -> Removed:
    def rows(table: Table) -> ColumnElement[bool]:
        column = table.c
        return and_(column.camera_id == camera_id, column.session == session, column.seq <= upto)

    people, tracks = schema.people, schema.tracks
    numbers = connection.execute(
        delete(people).where(rows(people)).returning(people.c.number)
    ).scalars().all()  # fmt: skip
    gone = (tracks.c.camera_id == camera_id) & (tracks.c.session == session)
    if upto == WHOLE:
        connection.execute(
            delete(schema.sessions).where(
                schema.sessions.c.camera_id == camera_id, schema.sessions.c.session == session
            )
        )
    else:
        gone &= tracks.c.number.in_(set(numbers)) & (tracks.c.last_seq <= upto)
    connection.execute(delete(tracks).where(gone))
    for table in (schema.gaps, schema.events):
        connection.execute(delete(table).where(rows(table)))
    frames = connection.execute(delete(schema.poses).where(rows(schema.poses))).rowcount
    connection.execute(
        update(schema.cameras)
        .where(schema.cameras.c.id == camera_id)
        .values(pruned_session=session, pruned_seq=upto)
    )
    return Removed(frames, len(numbers))
