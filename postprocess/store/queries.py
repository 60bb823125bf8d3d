"""Questions to the store: pure reading, on an engine of `open_for_reading`.

A camera that the store does not know has no answer: it gives nothing. Times are Unix seconds, from
`since` until before `until`. Whole exports are read by `postprocess.store.frames`.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, and_, case, cast, func, select

from ghostpose.errors import InvalidValueError
from ghostpose.types import EventMessage, Person
from postprocess.store import schema
from postprocess.store.keypoints import unpack_all
from postprocess.store.results import (
    FootCount,
    PeopleCount,
    StoredCamera,
    StoredSession,
    StoredTrack,
    TrackPose,
)
from postprocess.store.rows import track_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Engine, Row, ScalarSelect, Select, Table

_ROUNDING_S: Final = 1.0
"""Far more than what differences of Unix seconds are rounded by."""

_APPEARANCE: Final = (schema.tracks.c.first_at, schema.tracks.c.session, schema.tracks.c.number)


def cameras(engine: Engine) -> tuple[StoredCamera, ...]:
    """Return all cameras there are, by name."""
    table, frames_of = schema.cameras.c, schema.poses.c
    of_camera = frames_of.camera_id == table.id
    sessions_of = select(func.count()).where(schema.sessions.c.camera_id == table.id)
    found = select(
        table.name,
        sessions_of.scalar_subquery().label("sessions"),
        select(func.min(frames_of.captured_at)).where(of_camera).scalar_subquery().label("first"),
        select(func.max(frames_of.captured_at)).where(of_camera).scalar_subquery().label("last"),
    ).order_by(table.name)
    with engine.connect() as connection:
        return tuple(StoredCamera(*row) for row in connection.execute(found))


def sessions(engine: Engine, camera: str) -> tuple[StoredSession, ...]:
    """Return the sessions of a camera, oldest first."""
    table = schema.sessions.c
    found = (
        select(
            table.session,
            _captured_at(last=False).label("first_at"),
            _captured_at(last=True).label("last_at"),
            table.frames_read,
            table.frames_published,
            table.clock_repairs,
            table.skipped,
        )
        .where(of_camera(schema.sessions, camera))
        .order_by(table.session)
    )
    with engine.connect() as connection:
        rows = connection.execute(found).all()
    return tuple(
        StoredSession(
            camera=camera,
            session=row.session,
            first_at=row.first_at,
            last_at=row.last_at,
            frames_read=row.frames_read,
            frames_published=row.frames_published,
            clock_repairs=row.clock_repairs,
            skipped=json.loads(row.skipped or "{}"),
        )
        for row in rows
    )


def _captured_at(*, last: bool) -> ScalarSelect[float]:
    """When a session's first or last frame was captured."""
    frame, session = schema.poses.c, schema.sessions.c
    order = frame.seq.desc() if last else frame.seq
    return (
        select(frame.captured_at)
        .where(frame.camera_id == session.camera_id, frame.session == session.session)
        .order_by(order)
        .limit(1)
        .correlate(schema.sessions)
        .scalar_subquery()
    )


def tracks(engine: Engine, camera: str, since: float, until: float) -> tuple[StoredTrack, ...]:
    """Return the tracks that a camera saw at any moment of that time, in order of appearance."""
    found = _tracks().where(_is_seen(camera, since, until)).order_by(*_APPEARANCE)
    with engine.connect() as connection:
        return tuple(StoredTrack(camera, *row) for row in connection.execute(found))


def longest_tracks(
    engine: Engine, camera: str, since: float, until: float, most: int
) -> tuple[tuple[StoredTrack, ...], int]:
    """Return the `most` tracks that lasted longest within that time, in order of appearance, and
    the number of all: a busy month has more of them than anybody wants to hold.
    """
    table, seen = schema.tracks.c, _is_seen(camera, since, until)
    begin = case((table.first_at > since, table.first_at), else_=since)
    end = case((table.last_at < until, table.last_at), else_=until)
    longest = _tracks().where(seen).order_by((end - begin).desc(), *_APPEARANCE).limit(most)
    with engine.connect() as connection:
        found = [StoredTrack(camera, *row) for row in connection.execute(longest)]
        count = connection.execute(select(func.count()).where(seen)).scalar_one()
    return tuple(sorted(found, key=lambda one: (one.first_at, one.session, one.number))), count


def _tracks() -> Select[Any]:
    table = schema.tracks.c
    return select(
        table.number,
        table.session,
        table.first_seq,
        table.last_seq,
        table.first_at,
        table.last_at,
    )


def _is_seen(camera: str, since: float, until: float) -> ColumnElement[bool]:
    """Return the condition for the tracks that a camera saw at any moment of that time."""
    table = schema.tracks.c
    # None that is seen in it began further back than the longest lasted: the index begins there.
    begun = since - _longest_track_s(camera) - _ROUNDING_S
    return and_(
        of_camera(schema.tracks, camera),
        table.first_at >= begun,
        table.first_at < until,
        table.last_at >= since,
    )


def _longest_track_s(camera: str) -> ScalarSelect[float]:
    length = schema.tracks.c.last_at - schema.tracks.c.first_at
    return (
        select(length)
        .where(of_camera(schema.tracks, camera))
        .order_by(length.desc())
        .limit(1)
        .scalar_subquery()
    )


def people_counts(
    engine: Engine,
    camera: str,
    since: float,
    until: float,
    stretch_s: float,
    session: int | None = None,
) -> tuple[PeopleCount, ...]:
    """Return how many people a camera saw, for each stretch of `stretch_s` seconds from `since` on.

    A stretch without a frame is left out: nobody knows. Without a `session` all are counted.

    Raises:
        InvalidValueError: `stretch_s` is not above 0.
    """
    if not stretch_s > 0:
        raise InvalidValueError(f"{camera}: a stretch of {stretch_s} s is not above 0")
    table = schema.poses.c
    stretch = _floor(engine, (table.captured_at - since) / stretch_s).label("stretch")
    found = (
        select(stretch, func.count(), func.sum(table.people), func.max(table.people))
        .where(
            of_camera(schema.poses, camera), table.captured_at >= since, table.captured_at < until
        )
        .group_by("stretch")  # by name: repeated parameters would be another expression
        .order_by("stretch")
    )
    if session is not None:
        found = found.where(table.session == session)
    with engine.connect() as connection:
        return tuple(
            PeopleCount(since + int(n) * stretch_s, frames, int(people) / frames, most)
            for n, frames, people, most in connection.execute(found)
        )


def track_poses(
    engine: Engine, camera: str, track: str, session: int | None = None
) -> tuple[TrackPose, ...]:
    """Return where a track (`<camera>-<n>`) was, frame by frame.

    The same number may stand for somebody else in another session, if the server lost its data in
    between: `session` chooses.

    Raises:
        InvalidValueError: the track is none of this camera's.
    """
    person, frame = schema.people.c, schema.poses.c
    found = (
        select(schema.people, frame.captured_at, frame.media_time_s)
        .join(schema.poses, _same_frame())
        .where(of_camera(schema.people, camera), person.number == track_number(camera, track))
        .order_by(person.session, person.seq)
    )
    if session is not None:
        found = found.where(person.session == session)
    with engine.connect() as connection:
        rows = connection.execute(found).all()
    return tuple(
        TrackPose(row.session, row.seq, row.captured_at, row.media_time_s, person)
        for row, person in zip(rows, people_of(camera, rows), strict=True)
    )


def foot_counts(
    engine: Engine, camera: str, since: float, until: float, *, rows: int, columns: int
) -> tuple[FootCount, ...]:
    """Return how often somebody's feet were in each cell of a grid over the picture.

    Feet are where boxes end; those outside the picture count at its edge. Cells without any are
    left out.
    """
    person, frame = schema.people.c, schema.poses.c
    across = _floor(engine, (person.x + person.w / 2) * columns / frame.width)
    down = _floor(engine, (person.y + person.h) * rows / frame.height)
    found = (
        select(down.label("row"), across.label("column"), func.count())
        .join(schema.poses, _same_frame())
        .where(
            of_camera(schema.people, camera),
            frame.captured_at >= since,
            frame.captured_at < until,
        )
        .group_by("row", "column")
    )
    counts: Counter[tuple[int, int]] = Counter()
    with engine.connect() as connection:
        for row, column, count in connection.execute(found):
            counts[_within(int(row), rows), _within(int(column), columns)] += count
    return tuple(FootCount(*cell, count) for cell, count in sorted(counts.items()))


def _within(index: int, count: int) -> int:
    return min(count - 1, max(0, index))


def events(engine: Engine, camera: str, since: float, until: float) -> tuple[EventMessage, ...]:
    """Return what happened to people at a camera in that time, in order."""
    table = schema.events.c
    found = (
        select(table.kind, table.session, table.seq, table.details)
        .where(of_camera(schema.events, camera), table.at >= since, table.at < until)
        .order_by(table.at, table.session, table.seq, table.kind, table.number, table.name)
    )
    with engine.connect() as connection:
        return tuple(
            EventMessage(row.kind, camera, row.session, row.seq, json.loads(row.details))
            for row in connection.execute(found)
        )


def of_camera(table: Table, camera: str) -> ColumnElement[bool]:
    """Return the condition for the rows of a camera, by its name."""
    known = schema.cameras
    wanted = select(known.c.id).where(known.c.name == camera).scalar_subquery()
    return table.c.camera_id == wanted


def _same_frame() -> ColumnElement[bool]:
    person, frame = schema.people.c, schema.poses.c
    return (
        (frame.camera_id == person.camera_id)
        & (frame.session == person.session)
        & (frame.seq == person.seq)
    )


def _floor(engine: Engine, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Round down what is not negative: PostgreSQL's cast would round to the nearest."""
    if engine.dialect.name == "postgresql":
        return func.floor(value)
    return cast(value, Integer)


def people_of(camera: str, rows: Sequence[Row[Any]]) -> list[Person]:
    """Return the people that rows of `people` hold.

    Raises:
        DecodeError: the key points in one of them are damaged.
    """
    keypoints_pk3 = unpack_all([bytes(row.keypoints) for row in rows])
    return [
        Person(row.score, (row.x, row.y, row.w, row.h), keypoints_k3, f"{camera}-{row.number}")
        for row, keypoints_k3 in zip(rows, keypoints_pk3, strict=True)
    ]
