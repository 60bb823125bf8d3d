"""Changing a database's tables to those of another version, rows and all, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ghostpose.errors import StoreError
from postprocess.store.database import disposed_on_errors, open_existing, open_to_look
from postprocess.store.schema import SCHEMA_VERSION
from postprocess.store.version import check_version, hold_others_off, mark, version_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

STEPS: Final = "postprocess.store:migrations"
"""Where alembic finds them, also in an installed package."""

_KNOWN: Final[dict[str | None, int]] = {str(n): n for n in range(1, SCHEMA_VERSION + 1)}

_INCREMENTAL: Final = 2


@dataclass(frozen=True, slots=True)
class Migration:
    """What was done to a database: its address without a password, its version before and now."""

    database: str
    before: int
    now: int


def migrate(address: str, to: int = SCHEMA_VERSION) -> Migration:
    """Change the tables of a database to version `to`; nobody may write to it meanwhile.

    An SQLite file of version 1 is written anew, so that it can give space back later: that takes as
    much room again for a while.

    Raises:
        SecretError: what the address refers to isn't there.
        StoreError: the address is none, its driver is missing, or there are no tables, or tables of
            a version that this ghostpose doesn't know; or it doesn't know `to`.
        DatabaseError: a server doesn't answer, or has no room; the tables are as they were.
    """
    if str(to) not in _KNOWN:
        raise StoreError(
            f"store: this ghostpose knows no version {to} of the tables, only 1 to {SCHEMA_VERSION}"
        )
    _look(address)
    engine = open_existing(address)
    name = str(engine.url)
    with disposed_on_errors(engine):
        if engine.dialect.name == "sqlite":
            _note_free_pages(engine)
        with engine.begin() as connection:
            hold_others_off(connection)
            before = _known(version_of(connection), name)
            _walk(connection, before, to)
    engine.dispose()
    return Migration(name, before, to)


def _look(address: str) -> None:
    """Refuse a database that isn't ours before anything in it is changed."""
    engine = open_to_look(address)
    with disposed_on_errors(engine), engine.connect() as connection:
        _known(version_of(connection), str(engine.url))
    engine.dispose()


def _known(version: str | None, name: str) -> int:
    if version not in _KNOWN:
        check_version(version, name)
    return _KNOWN[version]


def _walk(connection: Connection, before: int, to: int) -> None:
    if before == 1:
        mark(connection, before)
    if before != to:
        step(connection, to, up=before < to)


def step(connection: Connection, to: int, *, up: bool) -> None:
    """Go through alembic's steps to a version, from what alembic's table says."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", STEPS)
    (command.upgrade if up else command.downgrade)(config, str(to))


def _note_free_pages(engine: Engine) -> None:
    """Have an SQLite file note which pages are free; one without that is written anew."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        (noted,) = cursor.execute("PRAGMA auto_vacuum").fetchone()
        if noted != _INCREMENTAL:
            cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
            cursor.execute("VACUUM")
    finally:
        connection.close()
