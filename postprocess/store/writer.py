"""Pose and event messages to rows: batched upserts, the same messages twice give the same rows."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import bindparam, case, delete, select

from ghostpose.types import CAMERA_EVENTS
from postprocess.store import schema
from postprocess.store.pruning import WHOLE
from postprocess.store.rows import event_row, gap_row, person_row, pose_row, session_row
from postprocess.store.upserts import upsert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from ghostpose.types import EventMessage, PoseMessage
    from postprocess.store.upserts import Row, Upsert

T = TypeVar("T")

_WRITTEN: Final = select(schema.poses.c.seq).where(
    schema.poses.c.camera_id == bindparam("camera_id"),
    schema.poses.c.session == bindparam("session"),
    schema.poses.c.seq.between(bindparam("first"), bindparam("last")),
)
"""Which frames of a span are there; made once, as it is asked for each camera."""

_log = logging.getLogger(__name__)


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
    """Write a batch within the transaction of `connection`, but for what was pruned already.

    Raises:
        InvalidValueError: a person's track is not `<camera>-<number>`.
    """
    cameras = _cameras(connection, batch.cameras())
    batch = _without_pruned(batch, cameras)
    camera_ids = {name: row.id for name, row in cameras.items()}
    _write_sessions(connection, batch, camera_ids)
    _write_events(connection, batch.events, camera_ids)
    _forget_people(connection, batch.poses, camera_ids)
    _write_poses(connection, batch.poses, camera_ids)
    _write_people(connection, batch.poses, camera_ids)


def _cameras(connection: Connection, names: set[str]) -> dict[str, Any]:
    """Return the cameras' rows by name, made if need be; nobody prunes them meanwhile."""
    table = schema.cameras
    found = connection.execute(
        select(table).where(table.c.name.in_(names)).with_for_update(read=True)
    )
    known = {row.name: row for row in found}
    if len(known) == len(names):
        return known
    new = [{"name": name} for name in sorted(names - known.keys())]
    upsert(connection, table, new, key=["name"])
    return _cameras(connection, names)


def _without_pruned(batch: Batch, cameras: Mapping[str, Any]) -> Batch:
    """Leave out what comes again although retention has removed it."""

    def is_new(message: PoseMessage | EventMessage, seq: int) -> bool:
        camera = cameras[message.camera]
        return (message.session, seq) > (camera.pruned_session, camera.pruned_seq)

    poses = [pose for pose in batch.poses if is_new(pose, pose.seq)]
    events = [event for event in batch.events if is_new(event, _place(event))]
    if again := len(batch.poses) + len(batch.events) - len(poses) - len(events):
        _log.warning("%d messages that retention has removed came again; they stay away", again)
    return Batch(poses, events)


def _place(event: EventMessage) -> int:
    """Return the seq that an event is pruned with: what is told of a session, with its end."""
    return WHOLE if event.kind in ("session_start", "session_end") else event.seq


def _write_sessions(connection: Connection, batch: Batch, camera_ids: dict[str, int]) -> None:
    opened = [
        {"camera_id": camera_ids[camera], "session": session}
        for camera, session in sorted(batch.sessions())
    ]
    upsert(connection, schema.sessions, opened)
    ended = [
        session_row(camera_ids[event.camera], event)
        for event in batch.events
        if event.kind == "session_end"
    ]
    upsert(connection, schema.sessions, ended, replace=True)


def _write_events(
    connection: Connection, events: Sequence[EventMessage], camera_ids: dict[str, int]
) -> None:
    gaps = [gap_row(camera_ids[event.camera], event) for event in events if event.kind == "gap"]
    upsert(connection, schema.gaps, gaps, replace=True)
    happened = [
        event_row(camera_ids[event.camera], event)
        for event in events
        if event.kind not in CAMERA_EVENTS
    ]
    upsert(connection, schema.events, happened, replace=True)


def _forget_people(
    connection: Connection, poses: Sequence[PoseMessage], camera_ids: dict[str, int]
) -> None:
    """Remove the people of frames that are written again: a redone frame may have others."""
    frames = schema.people
    for (camera, session), group in _grouped(poses, lambda p: (p.camera, p.session)).items():
        seqs = [pose.seq for pose in group]
        span = {"first": min(seqs), "last": max(seqs)}
        known = connection.execute(
            _WRITTEN, {"camera_id": camera_ids[camera], "session": session, **span}
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
    rows = [pose_row(camera_ids[pose.camera], pose) for pose in poses]
    upsert(connection, schema.poses, rows, replace=True)


def _write_people(
    connection: Connection, poses: Sequence[PoseMessage], camera_ids: dict[str, int]
) -> None:
    rows = [
        person_row(camera_ids[pose.camera], pose, person)
        for pose in poses
        for person in pose.people
    ]
    captured_at = {(camera_ids[p.camera], p.session, p.seq): p.captured_at for p in poses}
    _write_tracks(connection, rows, captured_at)
    upsert(connection, schema.people, rows, replace=True)


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
    upsert(connection, schema.tracks, rows, merge=_wider_span)


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
