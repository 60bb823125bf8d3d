"""Version 1: cameras, sessions, gaps, events, poses, tracks and people."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "1"
down_revision: Final = None


def upgrade() -> None:
    """Make the tables of version 1 in an empty database."""
    op.create_table(
        "schema_info",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.execute("INSERT INTO schema_info VALUES (1, 1)")
    op.create_table(
        "cameras",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.UniqueConstraint("name"),
    )
    _sessions_and_what_happened()
    _frames_and_people()


def _sessions_and_what_happened() -> None:
    _table(
        "sessions",
        _key("session"),
        sa.Column("frames_read", sa.BigInteger),
        sa.Column("frames_published", sa.BigInteger),
        sa.Column("clock_repairs", sa.BigInteger),
        sa.Column("skipped", sa.String),
    )
    _table("gaps", _key("session"), _key("seq"), _column("reason", sa.String(32)))
    _table(
        "events",
        *(_key("session"), _key("seq"), _key("kind", sa.String(32)), _key("number")),
        _key("name", sa.String(64)),
        *(_column("at", sa.Double), _column("details", sa.String)),
    )
    op.create_index("events_by_time", "events", ["camera_id", "at"])


def _frames_and_people() -> None:
    _table(
        "poses",
        *(_key("session"), _key("seq")),
        *(_column("captured_at", sa.Double), _column("media_time_s", sa.Double)),
        *(_column(name, sa.Integer) for name in ("width", "height", "people")),
    )
    op.create_index("poses_by_time", "poses", ["camera_id", "captured_at", "people"])
    _table(
        "tracks",
        *(_key("number"), _key("session")),
        *(_column(name, sa.BigInteger) for name in ("first_seq", "last_seq")),
        *(_column(name, sa.Double) for name in ("first_at", "last_at")),
    )
    op.create_index("tracks_by_time", "tracks", ["camera_id", "first_at", "last_at"])
    _table(
        "people",
        *(_key("number"), _key("session"), _key("seq")),
        *(_column(name, sa.Double) for name in ("score", "x", "y", "w", "h")),
        _column("keypoints", sa.LargeBinary),
    )
    op.create_index("people_by_frame", "people", ["camera_id", "session", "seq"])


def _table(name: str, *columns: sa.Column[Any]) -> None:
    camera = sa.Column("camera_id", sa.Integer, sa.ForeignKey("cameras.id"), primary_key=True)
    op.create_table(name, camera, *columns, sqlite_with_rowid=False)


def _key(name: str, kind: Any = sa.BigInteger) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _column(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
