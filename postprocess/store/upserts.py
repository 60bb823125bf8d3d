"""Batched upserts, each by one statement of the same text, which is made once and kept.

SQLite takes row after row within the process. To PostgreSQL all rows go as one parameter, as JSON:
a round trip for each would take ten times as long, and so would a statement with a parameter for
each value.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, bindparam, cast, column, func, select
from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Table

    Row = Mapping[str, Any]
    Upsert = sqlite.Insert | postgresql.Insert
    Merge = Callable[[Upsert], dict[str, ColumnElement[Any]]]

ROWS_A_STATEMENT: Final = 2_000
"""Bounds what PostgreSQL has to parse at a time: half a megabyte."""


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    *,
    replace: bool = False,
    merge: Merge | None = None,
    key: Sequence[str] | None = None,
) -> None:
    """Insert rows; those that exist stay as they are, are replaced, or merged with.

    `key`: what tells rows apart, None = the primary key. Rows of one batch with the same key count
    once, the last of them: one statement may not touch a row twice. They are written in the order
    of their keys, so that two that write the same rows don't wait for each other in a circle.
    """
    if not rows:
        return
    keys = key or [column.name for column in table.primary_key]
    by_key = {tuple(row[name] for name in keys): row for row in rows}
    unique = [row for _, row in sorted(by_key.items())]
    is_sqlite = connection.dialect.name == "sqlite"
    statement = _statement(is_sqlite, table, tuple(rows[0]), tuple(keys), replace, merge)
    for start in range(0, len(unique), ROWS_A_STATEMENT):
        part = unique[start : start + ROWS_A_STATEMENT]
        connection.execute(statement, part if is_sqlite else {"rows": _as_json(part)})


@lru_cache(maxsize=256)
def _statement(
    is_sqlite: bool,
    table: Table,
    names: tuple[str, ...],
    keys: tuple[str, ...],
    replace: bool,
    merge: Merge | None,
) -> Upsert:
    """Return the statement, which takes longer to make than to run."""
    insert = sqlite.insert(table) if is_sqlite else _from_json(table, names)
    changes = merge(insert) if merge else {}
    if replace:
        changes = {name: insert.excluded[name] for name in names if name not in keys}
    if changes:
        return insert.on_conflict_do_update(index_elements=keys, set_=changes)
    return insert.on_conflict_do_nothing(index_elements=keys)


def _from_json(table: Table, names: Sequence[str]) -> postgresql.Insert:
    """Return an insert of what the parameter `rows` holds."""
    typed = [column(name, table.c[name].type) for name in names]
    given = cast(bindparam("rows", type_=String), postgresql.JSON)
    rows = func.json_to_recordset(given).table_valued(*typed).render_derived(with_types=True)
    return postgresql.insert(table).from_select(names, select(*rows.c))


def _as_json(rows: Sequence[Row]) -> str:
    return json.dumps(rows, default=_hexadecimal, allow_nan=False)


def _hexadecimal(value: bytes) -> str:
    return f"\\x{value.hex()}"
