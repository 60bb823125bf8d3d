"""Removing whole sessions of a camera: of analyses that were cut off and have been done anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, or_, select

from postprocess.store import schema
from postprocess.store.queries import of_camera

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Engine

_OF_SESSIONS: Final = (
    schema.people, schema.tracks, schema.poses, schema.gaps, schema.events, schema.sessions,
)  # fmt: skip


def remove_cut_off(
    engine: Engine, camera: str, *, since: int, until: int, known: Collection[int]
) -> tuple[int, ...]:
    """Remove sessions that are `known`, or have no end, all or none of them; return which.

    Only those from `since` until before `until`.
    """
    table = schema.sessions.c
    cut_off = (
        select(table.session)
        .where(of_camera(schema.sessions, camera), table.session >= since, table.session < until)
        .where(or_(table.session.in_(known), table.frames_read.is_(None)))
    )
    with engine.begin() as connection:
        gone = tuple(connection.execute(cut_off).scalars())
        for rows in (schema.people, schema.tracks, schema.poses, schema.gaps, schema.events):
            connection.execute(
                delete(rows).where(of_camera(rows, camera), rows.c.session.in_(gone))
            )
        sessions = schema.sessions
        connection.execute(
            delete(sessions).where(of_camera(sessions, camera), table.session.in_(gone))
        )
    return gone
