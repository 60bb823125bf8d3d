"""Version 2: how far each camera was pruned, and an index on how long its tracks last.

The version is in alembic's own table from here on.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "2"
down_revision: Final = "1"

_PRUNED: Final = ("pruned_session", "pruned_seq")


def upgrade() -> None:
    """From version 1 on: all rows stay, and nothing counts as pruned."""
    for name in _PRUNED:
        op.add_column(
            "cameras", sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("-1"))
        )
    op.create_index("tracks_by_length", "tracks", ["camera_id", sa.text("(last_at - first_at)")])
    op.drop_table("schema_info")


def downgrade() -> None:
    """Back to version 1, which keeps everything for ever; all rows stay."""
    op.create_table(
        "schema_info",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.execute("INSERT INTO schema_info VALUES (1, 1)")
    op.drop_index("tracks_by_length", "tracks")
    for name in _PRUNED:
        op.drop_column("cameras", name)
