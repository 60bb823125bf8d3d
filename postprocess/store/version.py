"""Which version of our tables a database holds, making them, and changing them to ours.

The version is the one row of alembic's table. Version 1 kept it in a table of its own, which the
step to version 2 removes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import Column, MetaData, String, Table, inspect, select

from ghostpose.errors import StoreError
from postprocess.store.schema import SCHEMA_VERSION, metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

_CHANGING_TABLES: Final = 0x67686F7374
"""Name of the lock under which tables are made and changed."""

_FIRST_VERSION_TABLE: Final = "schema_info"

_version: Final = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), primary_key=True),
)


def version_of(connection: Connection) -> str | None:
    """Return the version of the tables in a database, None if there are none."""
    tables = inspect(connection)
    if tables.has_table(_version.name):
        return connection.execute(select(_version.c.version_num)).scalar()
    return "1" if tables.has_table(_FIRST_VERSION_TABLE) else None


def check_version(found: str | None, name: str) -> None:
    """Refuse tables of another version than ours.

    Raises:
        StoreError: they are, or there are none; says what to do.
    """
    if found is None:
        raise StoreError(f"store: {name} holds no poses; has a store ever written to it?")
    if found == str(SCHEMA_VERSION):
        return
    is_older = found.isdigit() and int(found) < SCHEMA_VERSION
    advice = (
        "stop what writes to it, and run `ghostpose store migrate`"
        if is_older
        else "use a ghostpose that is as new, or another database"
    )
    raise StoreError(
        f"store: {name} holds tables of version {found}, this ghostpose needs version"
        f" {SCHEMA_VERSION}: {advice}"
    )


def prepare(connection: Connection, name: str) -> None:
    """Make the tables if there are none, in the transaction of `connection`.

    Raises:
        StoreError: there are, of another version.
    """
    hold_others_off(connection)
    found = version_of(connection)
    if found is not None:
        check_version(found, name)
        return
    metadata.create_all(connection)
    mark(connection, SCHEMA_VERSION)


def hold_others_off(connection: Connection) -> None:
    """Wait until nobody else makes or changes tables; SQLite's transactions do so by themselves."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CHANGING_TABLES})")


def mark(connection: Connection, version: int) -> None:
    """Say, for the first time, of which version the tables are."""
    _version.create(connection, checkfirst=True)
    connection.execute(_version.delete())
    connection.execute(_version.insert().values(version_num=str(version)))
