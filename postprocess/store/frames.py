"""Frames out of the store, for exports: however many there are, a page of them is in memory.

No transaction is longer than it takes to read the page, so that an export of hours holds up neither
SQLite's log nor PostgreSQL's vacuum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from ghostpose.types import PoseMessage
from postprocess.store import schema
from postprocess.store.queries import of_camera, people_of
from postprocess.store.results import SessionSpan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, Engine, Row

    from ghostpose.types import Person
    from postprocess.store.results import Selection

FRAMES_A_PAGE: Final = 500
"""Frames that `frames` holds in memory."""


def spans(engine: Engine, selection: Selection) -> tuple[SessionSpan, ...]:
    """Return how much there is of a selection, session by session."""
    table = schema.poses.c
    found = (
        select(table.session, func.min(table.seq), func.max(table.seq), func.count())
        .where(*_selected(selection))
        .group_by(table.session)
        .order_by(table.session)
    )
    with engine.connect() as connection:
        return tuple(SessionSpan(*row) for row in connection.execute(found))


def frames(engine: Engine, selection: Selection) -> Iterator[PoseMessage]:
    """Yield the frames of a selection in order of session and seq, their people by track.

    What is written or removed meanwhile may be in it or not. Timings are not stored.
    """
    for span in spans(engine, selection):
        after = span.first_seq - 1
        while after < span.last_seq:
            page = _page(engine, selection, span, after)
            yield from page
            after = page[-1].seq if page else span.last_seq


def _page(engine: Engine, selection: Selection, span: SessionSpan, after: int) -> list[PoseMessage]:
    table = schema.poses.c
    found = (
        select(schema.poses)
        .where(*_selected(selection), table.session == span.session)
        .where(table.seq > after, table.seq <= span.last_seq)
        .order_by(table.seq)
        .limit(FRAMES_A_PAGE)
    )
    with engine.connect() as connection:
        rows = connection.execute(found).all()
        people = _people(connection, selection.camera, rows) if rows else {}
    return [_message(selection.camera, row, people.get(row.seq, ())) for row in rows]


def _people(
    connection: Connection, camera: str, rows: Sequence[Row[Any]]
) -> dict[int, list[Person]]:
    """Return the people of a page's frames, by seq."""
    table, first, last = schema.people.c, rows[0], rows[-1]
    found = (
        select(schema.people)
        .where(table.camera_id == first.camera_id, table.session == first.session)
        .where(table.seq >= first.seq, table.seq <= last.seq)
        .order_by(table.seq, table.number)
    )
    found_rows = connection.execute(found).all()
    people: dict[int, list[Person]] = {}
    for row, person in zip(found_rows, people_of(camera, found_rows), strict=True):
        people.setdefault(row.seq, []).append(person)
    return people


def _message(camera: str, row: Row[Any], people: Sequence[Person]) -> PoseMessage:
    return PoseMessage(
        camera=camera,
        session=row.session,
        seq=row.seq,
        captured_at=row.captured_at,
        media_time=row.media_time_s,
        width=row.width,
        height=row.height,
        people=tuple(people),
    )


def _selected(selection: Selection) -> list[ColumnElement[bool]]:
    table = schema.poses.c
    wanted = [of_camera(schema.poses, selection.camera)]
    if selection.session is not None:
        wanted.append(table.session == selection.session)
    if selection.since is not None:
        wanted.append(table.captured_at >= selection.since)
    if selection.until is not None:
        wanted.append(table.captured_at < selection.until)
    return wanted
