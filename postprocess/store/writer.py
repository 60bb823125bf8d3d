"""Pose and event messages to rows: batched upserts, the same messages twice give the same rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from ghostpose.errors import InvalidValueError
from ghostpose.types import CAMERA_EVENTS
from postprocess.store import schema
from postprocess.store.keypoints import pack_keypoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection, Table

    from ghostpose.types import EventMessage, Person, PoseMessage

    Row = dict[str, Any]
    Upsert = sqlite.Insert | postgresql.Insert

T = TypeVar("T")

ROWS_A_STATEMENT: Final = 500
"""Times the columns of `people`, this stays below what both databases take in one statement."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that are written in one transaction."""

    poses: Sequence[PoseMessage] = ()
    events: Sequence[EventMessage] = ()

    def cameras(self) -> set[str]:
        """Return the names of the cameras that the messages are about."""
        return {pose.camera for pose in self.poses} | {event.camera for event in self.events}

    def sessions(self) -> set[tuple[str, int]]:
        """Return camera and session of all messages."""
        poses = {(pose.camera, pose.session) for pose in self.poses}
        return poses | {(event.camera, event.session) for event in self.events}


def write_batch(connection: Connection, batch: Batch) -> None:
    """Write a batch within the transaction of `connection`.

    Raises:
        InvalidValueError: a person's track is not `<camera>-<number>`.
    """
    camera_ids = _camera_ids(connection, batch.cameras())
    _write_sessions(connection, batch, camera_ids)
    _write_gaps(connection, batch.events, camera_ids)
    _write_events(connection, batch.events, camera_ids)
    _forget_people(connection, batch.poses, camera_ids)
    _write_poses(connection, batch.poses, camera_ids)
    _write_people(connection, batch.poses, camera_ids)


def _camera_ids(connection: Connection, names: set[str]) -> dict[str, int]:
    table = schema.cameras
    found = connection.execute(select(table.c.name, table.c.id).where(table.c.name.in_(names)))
    known: dict[str, int] = {row.name: row.id for row in found}
    if len(known) == len(names):
        return known
    _upsert(connection, table, [{"name": name} for name in sorted(names - known.keys())])
    return _camera_ids(connection, names)


def _write_sessions(connection: Connection, batch: Batch, camera_ids: dict[str, int]) -> None:
    opened = [
        {"camera_id": camera_ids[camera], "session": session}
        for camera, session in sorted(batch.sessions())
    ]
    _upsert(connection, schema.sessions, opened)
    ended = [
        {
            "camera_id": camera_ids[event.camera],
            "session": event.session,
            "frames_read": event.details.get("frames_read"),
            "frames_published": event.details.get("published", event.seq),
            "clock_repairs": event.details.get("clock_repairs"),
            "skipped": json.dumps(event.details.get("skipped", {}), sort_keys=True),
        }
        for event in batch.events
        if event.kind == "session_end"
    ]
    _upsert(connection, schema.sessions, ended, replace=True)


def _write_gaps(
    connection: Connection, events: Sequence[EventMessage], camera_ids: dict[str, int]
) -> None:
    rows = [
        {
            "camera_id": camera_ids[event.camera],
            "session": event.session,
            "seq": event.seq,
            "reason": str(event.details.get("reason", ""))[:32],
        }
        for event in events
        if event.kind == "gap"
    ]
    _upsert(connection, schema.gaps, rows, replace=True)


def _write_events(
    connection: Connection, events: Sequence[EventMessage], camera_ids: dict[str, int]
) -> None:
    rows = [
        {
            "camera_id": camera_ids[event.camera],
            "session": event.session,
            "seq": event.seq,
            "kind": event.kind,
            "number": _event_number(event),
            "name": str(event.details.get("zone") or event.details.get("line") or "")[:64],
            "at": float(cast("float", event.details["captured_at"])),
            "details": json.dumps(dict(event.details), sort_keys=True),
        }
        for event in events
        if event.kind not in CAMERA_EVENTS
    ]
    _upsert(connection, schema.events, rows, replace=True)


def _event_number(event: EventMessage) -> int:
    track = event.details.get("track")
    return 0 if track is None else track_number(event.camera, str(track))


def _forget_people(
    connection: Connection, poses: Sequence[PoseMessage], camera_ids: dict[str, int]
) -> None:
    """Remove the people of frames that are written again: a redone frame may have others."""
    table, frames = schema.poses, schema.people
    for (camera, session), group in _grouped(poses, lambda p: (p.camera, p.session)).items():
        seqs = [pose.seq for pose in group]
        here = (table.c.camera_id == camera_ids[camera]) & (table.c.session == session)
        known = connection.execute(
            select(table.c.seq).where(here, table.c.seq.between(min(seqs), max(seqs)))
        ).scalars()
        again = set(known).intersection(seqs)
        if again:
            connection.execute(
                delete(frames).where(
                    frames.c.camera_id == camera_ids[camera],
                    frames.c.session == session,
                    frames.c.seq.in_(again),
                )
            )


def _write_poses(
    connection: Connection, poses: Sequence[PoseMessage], camera_ids: dict[str, int]
) -> None:
    rows = [
        {
            "camera_id": camera_ids[pose.camera],
            "session": pose.session,
            "seq": pose.seq,
            "captured_at": pose.captured_at,
            "media_time_s": pose.media_time,
            "width": pose.width,
            "height": pose.height,
            "people": len(pose.people),
        }
        for pose in poses
    ]
    _upsert(connection, schema.poses, rows, replace=True)


def _write_people(
    connection: Connection, poses: Sequence[PoseMessage], camera_ids: dict[str, int]
) -> None:
    rows = [
        _person_row(camera_ids[pose.camera], pose, person)
        for pose in poses
        for person in pose.people
    ]
    captured_at = {(camera_ids[p.camera], p.session, p.seq): p.captured_at for p in poses}
    _write_tracks(connection, rows, captured_at)
    _upsert(connection, schema.people, rows, replace=True)


def _person_row(camera_id: int, pose: PoseMessage, person: Person) -> Row:
    x, y, w, h = person.box
    return {
        "camera_id": camera_id,
        "number": track_number(pose.camera, person.track),
        "session": pose.session,
        "seq": pose.seq,
        "score": person.score,
        "x": x,
        "y": y,
        "w": w,
        "h": h,
        "keypoints": pack_keypoints(person.keypoints_k3),
    }


def track_number(camera: str, track: str | None) -> int:
    """Return the n of `<camera>-<n>`.

    Raises:
        InvalidValueError: `track` is not of that form.
    """
    prefix, _, number = (track or "").rpartition("-")
    if prefix != camera or not (number.isascii() and number.isdigit()) or len(number) > 18:
        raise InvalidValueError(f"store: track {track!r} is not {camera}-<number>")
    return int(number)


def _write_tracks(
    connection: Connection, people: Sequence[Row], captured_at: dict[tuple[int, int, int], float]
) -> None:
    def key(row: Row) -> tuple[int, int, int]:
        return row["camera_id"], row["number"], row["session"]

    rows = []
    for (camera_id, number, session), group in _grouped(people, key).items():
        seqs = [row["seq"] for row in group]
        times = [captured_at[camera_id, session, seq] for seq in seqs]
        rows.append(
            {
                "camera_id": camera_id,
                "number": number,
                "session": session,
                "first_seq": min(seqs),
                "last_seq": max(seqs),
                "first_at": min(times),
                "last_at": max(times),
            }
        )
    _upsert(connection, schema.tracks, rows, merge=_wider_span)


def _wider_span(insert: Upsert) -> dict[str, ColumnElement[Any]]:
    """Return what a track's row becomes when more of it is seen: the order doesn't matter."""
    old, new = schema.tracks.c, insert.excluded
    wider: dict[str, ColumnElement[Any]] = {}
    for name in ("first_seq", "first_at"):
        wider[name] = case((new[name] < old[name], new[name]), else_=old[name])
    for name in ("last_seq", "last_at"):
        wider[name] = case((new[name] > old[name], new[name]), else_=old[name])
    return wider


def _grouped(items: Iterable[T], key: Callable[[T], Any]) -> dict[Any, list[T]]:
    groups: dict[Any, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    *,
    replace: bool = False,
    merge: Callable[[Upsert], dict[str, ColumnElement[Any]]] | None = None,
) -> None:
    """Insert rows; those that exist stay as they are, are replaced, or merged with.

    Rows of one batch with the same key count once, the last of them: one statement may not touch a
    row twice.
    """
    keys = [c.name for c in table.primary_key] if table is not schema.cameras else ["name"]
    unique = list({tuple(row[key] for key in keys): row for row in rows}.values())
    for start in range(0, len(unique), ROWS_A_STATEMENT):
        insert = _insert(connection, table).values(unique[start : start + ROWS_A_STATEMENT])
        changes: dict[str, Any] = {}
        if merge:
            changes = merge(insert)
        elif replace:
            changes = {name: insert.excluded[name] for name in unique[0] if name not in keys}
        if changes:
            insert = insert.on_conflict_do_update(index_elements=keys, set_=changes)
        else:
            insert = insert.on_conflict_do_nothing(index_elements=keys)
        connection.execute(insert)


def _insert(connection: Connection, table: Table) -> Upsert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
