"""Opening the database: driver, pragmas, tables, and the check that they are of our version."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event, inspect, make_url, select
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    NoSuchModuleError,
)

from ghostpose.errors import StoreError
from ghostpose.passwords import resolved
from postprocess.store.schema import SCHEMA_VERSION, metadata, schema_info

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Engine

_SQLITE_BUSY_MS: Final = 10_000
"""How long one writer waits for another."""

_WAL_PAUSE_S: Final = 0.02

_MAKING_TABLES: Final = 0x67686F7374
"""Name of the lock under which tables are made."""

_DIALECTS: Final = ("sqlite", "postgresql")


def open_database(address: str) -> Engine:
    """Return an engine for an SQLAlchemy address, its tables made if there are none.

    The address may refer to a password, see `ghostpose.passwords`.

    Raises:
        SecretError: what the address refers to isn't there.
        StoreError: the address is none, its driver is missing, the file can't be opened, or the
            database holds tables of another version.
        DatabaseError: a database server doesn't answer (now).
    """
    url = _parse(resolved("store", address))
    engine = _engine(url)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin_immediate)
    with _as_store_errors(engine, url), engine.begin() as connection:
        _prepare(connection, str(url))
    return engine


def open_for_reading(address: str) -> Engine:
    """Return an engine that only reads what a store has written, and holds no writer up.

    Raises:
        SecretError: what the address refers to isn't there.
        StoreError: the address is none, its driver is missing, or there is no store of our version.
        DatabaseError: a database server doesn't answer (now).
    """
    url = _parse(resolved("store", address))
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise StoreError(f"store: there is no database {url.database}; has a store written it?")
    engine = _engine(url)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _only_read)
        event.listen(engine, "begin", _begin)
    with _as_store_errors(engine, url), engine.connect() as connection:
        if not inspect(connection).has_table(schema_info.name):
            raise StoreError(f"store: {url} holds no poses; has a store ever written to it?")
        _check_version(connection, str(url))
    return engine


@contextmanager
def _as_store_errors(engine: Engine, url: URL) -> Iterator[None]:
    """Dispose of the engine if opening fails; a file that is no database is a StoreError."""
    try:
        yield
    except DatabaseError as error:
        engine.dispose()
        if url.get_backend_name() != "sqlite":
            raise
        raise StoreError(
            f"store: {url.database} can't be used as an SQLite database: {error.orig}"
        ) from error
    except BaseException:
        engine.dispose()
        raise


def _parse(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise StoreError(
            "store: this is no database address; wanted one like sqlite:///poses.sqlite or"
            " postgresql://user@host/name"
        ) from error
    if url.get_backend_name() not in _DIALECTS:
        raise StoreError(
            f"store: {url.drivername} databases are not supported; use {' or '.join(_DIALECTS)}"
        )
    if url.drivername == "postgresql":
        return url.set(drivername="postgresql+pg8000")
    return url


def _engine(url: URL) -> Engine:
    try:
        return create_engine(url)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise StoreError(
            f"store: the driver of {url.drivername} is not installed:"
            " pip install 'ghostpose[postgresql]'"
        ) from error


def _set_pragmas(connection: Any, _record: object) -> None:
    """WAL lets readers read while we write; NORMAL syncs at checkpoints.

    A power cut may cost the last transactions, never the file; they are still in the streams.
    """
    connection.isolation_level = None  # transactions begin where we say, not where the driver does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_SQLITE_BUSY_MS}")
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _only_read(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # as above
    connection.execute(f"PRAGMA busy_timeout = {_SQLITE_BUSY_MS}")
    connection.execute("PRAGMA query_only = ON")


def _use_wal(cursor: Any) -> None:
    """Switch to WAL; where two processes do so at once SQLite refuses one, whatever the timeout."""
    until = time.monotonic() + _SQLITE_BUSY_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(_WAL_PAUSE_S)
        else:
            return


def _begin_immediate(connection: Connection) -> None:
    """Wait for other writers at the begin: a transaction that reads first could not later."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _prepare(connection: Connection, name: str) -> None:
    if connection.dialect.name == "postgresql":  # else two processes may make the tables at once
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MAKING_TABLES})")
    if inspect(connection).has_table(schema_info.name):
        _check_version(connection, name)
        return
    metadata.create_all(connection)
    connection.execute(schema_info.insert().values(id=1, version=SCHEMA_VERSION))


def _check_version(connection: Connection, name: str) -> None:
    version = connection.execute(select(schema_info.c.version)).scalar()
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"store: {name} holds tables of version {version}, this ghostpose needs version"
            f" {SCHEMA_VERSION}: use the ghostpose that made them, or another database"
        )
