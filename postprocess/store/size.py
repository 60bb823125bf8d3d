"""How much room the store takes, and giving back what it doesn't need any more.

SQLite's file shrinks when its free pages are given back. PostgreSQL keeps the space of deleted rows
and fills it again, so there what counts is the size of its files times how full they are: otherwise
whoever removes rows until the files are small enough would remove them all.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, literal_column, select, text

from postprocess.store import schema

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

PAGES_A_STEP: Final = 1_000
"""Pages that are given back at a time: 4 MB."""

SLACK: Final = 20
"""A twentieth of the pages may stay free: what is written next fills them, without moving any."""

_PAGE_BYTES: Final = 8192
_HEADER_BYTES: Final = 24
_POINTER_BYTES: Final = 4
"""Of PostgreSQL's pages, their headers, and what each holds for a row beside the row."""

_MEASURED: Final = (schema.people, schema.poses)
"""Tables that hold nearly everything; the others count as full."""

SAMPLE: Final = 1_000
"""Rows whose size is looked at."""

_PAGES: Final = text(
    "SELECT pg_relation_size(relid) AS bytes,"
    # The server counts rows as they come and go; after a crash it begins anew, at 0.
    " CASE WHEN n_live_tup > 0 THEN n_live_tup ELSE greatest(reltuples, 0) END AS rows"
    " FROM pg_stat_user_tables JOIN pg_class ON pg_class.oid = relid"
    " WHERE relid = to_regclass(:name)"
)


def file_bytes(connection: Connection) -> int:
    """Return how much the tables and their indexes take on disk."""
    if connection.dialect.name == "sqlite":
        return _pragma(connection, "page_count") * _pragma(connection, "page_size")
    return sum(_relation_bytes(connection, table) for table in schema.metadata.sorted_tables)


@dataclass(frozen=True, slots=True)
class Room:
    """What the rows that are there take, exact on SQLite, estimated on PostgreSQL."""

    used_bytes: float
    rows: int | None

    def without(self, connection: Connection, removed: int) -> float:
        """Return what they take once `removed` rows are gone: SQLite knows, PostgreSQL later."""
        if self.rows is None:
            return measured(connection).used_bytes
        return self.used_bytes * (1 - removed / max(self.rows, 1))


def measured(connection: Connection) -> Room:
    """Return how much of the files is in use."""
    if connection.dialect.name == "sqlite":
        pages = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
        return Room(pages * _pragma(connection, "page_size"), None)
    used, rows = 0.0, 0
    for table in schema.metadata.sorted_tables:
        on_disk = _relation_bytes(connection, table)
        if table in _MEASURED:
            live, fill = _rows_and_fill(connection, table)
            used, rows = used + on_disk * fill, rows + live
        else:
            used += on_disk
    return Room(used, rows)


def give_back(engine: Engine) -> bool:
    """Give back some of an SQLite file's free pages; False: no more are to be given back."""
    if engine.dialect.name != "sqlite":
        return False
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        (pages,) = cursor.execute("PRAGMA page_count").fetchone()
        (free,) = cursor.execute("PRAGMA freelist_count").fetchone()
        if free * SLACK < pages:
            return False
        # As a script: a statement alone would stop at the first page, as if that were a row.
        cursor.executescript(f"PRAGMA incremental_vacuum({PAGES_A_STEP})")
        (left,) = cursor.execute("PRAGMA freelist_count").fetchone()
        return bool(left < free)


def vacuum(engine: Engine) -> None:
    """Have PostgreSQL use the room of removed rows again at once, not when it comes to it."""
    if engine.dialect.name == "postgresql":
        names = ", ".join(table.name for table in schema.metadata.sorted_tables)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"VACUUM (ANALYZE) {names}")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def _relation_bytes(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.pg_total_relation_size(table.name))).scalar_one())


def _rows_and_fill(connection: Connection, table: Table) -> tuple[int, float]:
    """Return how many rows a table has, and how full its own pages are of them: 0 to 1."""
    pages = connection.execute(_PAGES, {"name": table.name}).one()
    newest_first = [column.desc() for column in table.primary_key]
    sample = select(table).order_by(*newest_first).limit(SAMPLE).subquery("sample")
    size = func.avg(func.pg_column_size(literal_column("sample.*")))
    row_bytes = connection.execute(select(size).select_from(sample)).scalar()
    if not (pages.bytes and row_bytes):
        return 0, 0.0
    room = pages.bytes / _PAGE_BYTES * (_PAGE_BYTES - _HEADER_BYTES)
    fill = pages.rows * (float(row_bytes) + _POINTER_BYTES) / room
    return int(pages.rows), min(1.0, fill)
