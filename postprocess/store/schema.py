"""The tables, on SQLite and PostgreSQL alike.

Names of rows are natural: a frame is (camera, session, seq), a track (camera, number, session), so
that writing the same message twice gives the same rows. `people` is ordered by track in its primary
key, because "where was track T" is asked far more often than "who was in frame F", which has an
index. Times ending in `_at` are Unix seconds, in `_s` media time; pixels are the source picture's.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

SCHEMA_VERSION: Final = 2

metadata: Final = MetaData()

cameras: Final = Table(
    "cameras",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("pruned_session", BigInteger, nullable=False, server_default=text("-1")),
    Column("pruned_seq", BigInteger, nullable=False, server_default=text("-1")),
    UniqueConstraint("name"),
)
"""`pruned_session`, `pruned_seq`: up to this frame everything was removed, and stays so."""


def _camera() -> Column[int]:
    return Column("camera_id", Integer, ForeignKey("cameras.id"), primary_key=True)


def _session() -> Column[int]:
    return Column("session", BigInteger, primary_key=True, autoincrement=False)


def _seq() -> Column[int]:
    return Column("seq", BigInteger, primary_key=True, autoincrement=False)


def _number() -> Column[int]:
    return Column("number", BigInteger, primary_key=True, autoincrement=False)


sessions: Final = Table(
    "sessions",
    metadata,
    _camera(),
    _session(),
    Column("frames_read", BigInteger),
    Column("frames_published", BigInteger),
    Column("clock_repairs", BigInteger),
    Column("skipped", String),
    sqlite_with_rowid=False,
)
"""One row an opening of a source; what is counted at its end is null until then.

`skipped`: frames read but not published, by reason, as JSON.
"""

gaps: Final = Table(
    "gaps",
    metadata,
    _camera(),
    _session(),
    _seq(),
    Column("reason", String(32), nullable=False),
    sqlite_with_rowid=False,
)
"""Published frames that have no pose message, and why."""

events: Final = Table(
    "events",
    metadata,
    _camera(),
    _session(),
    _seq(),
    Column("kind", String(32), primary_key=True),
    _number(),
    Column("name", String(64), primary_key=True),
    Column("at", Double, nullable=False),
    Column("details", String, nullable=False),
    sqlite_with_rowid=False,
)
"""What happened to people. `number` is the track's, 0 for nobody's; `name` the zone's or line's, of
a `person` the other track's, empty for postures; `details` is the event's, as JSON."""

Index("events_by_time", events.c.camera_id, events.c.at)
"""For "what happened at camera C between A and B"."""

poses: Final = Table(
    "poses",
    metadata,
    _camera(),
    _session(),
    _seq(),
    Column("captured_at", Double, nullable=False),
    Column("media_time_s", Double, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("people", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""One row a frame; `people` is how many were in it."""

Index("poses_by_time", poses.c.camera_id, poses.c.captured_at, poses.c.people)
"""For "people count over time": answered from the index alone."""

tracks: Final = Table(
    "tracks",
    metadata,
    _camera(),
    _number(),
    _session(),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("first_at", Double, nullable=False),
    Column("last_at", Double, nullable=False),
    sqlite_with_rowid=False,
)
"""One row a person over time; its id outside is `<camera>-<number>`."""

Index("tracks_by_time", tracks.c.camera_id, tracks.c.first_at, tracks.c.last_at)
"""For "tracks of camera C between A and B", of those that began a track's length before A."""

Index("tracks_by_length", tracks.c.camera_id, tracks.c.last_at - tracks.c.first_at)
"""For the length of a camera's longest track."""

people: Final = Table(
    "people",
    metadata,
    _camera(),
    _number(),
    _session(),
    _seq(),
    Column("score", Double, nullable=False),
    Column("x", Double, nullable=False),
    Column("y", Double, nullable=False),
    Column("w", Double, nullable=False),
    Column("h", Double, nullable=False),
    Column("keypoints", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""One row a person in a frame; `keypoints` as in keypoints.py."""

Index("people_by_frame", people.c.camera_id, people.c.session, people.c.seq)
"""For "who was in this frame"."""
