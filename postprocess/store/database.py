"""Opening the database, for a store to write to or for others to read."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    NoSuchModuleError,
)

from ghostpose.errors import StoreError
from ghostpose.passwords import resolved
from postprocess.store.version import check_version, prepare, version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL, Connection, Engine

_SQLITE_BUSY_MS: Final = 10_000
"""How long one writer waits for another."""

_WAL_PAUSE_S: Final = 0.02

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
    engine = _writing_engine(_parse(resolved("store", address)))
    with disposed_on_errors(engine), engine.begin() as connection:
        prepare(connection, str(engine.url))
    return engine


def open_for_reading(address: str) -> Engine:
    """Return an engine that only reads what a store has written, and holds no writer up.

    Raises:
        SecretError: what the address refers to isn't there.
        StoreError: the address is none, its driver is missing, or there is no store of our version.
        DatabaseError: a database server doesn't answer (now).
    """
    engine = open_to_look(address)
    with disposed_on_errors(engine), engine.connect() as connection:
        check_version(version_of(connection), str(engine.url))
    return engine


def open_to_look(address: str) -> Engine:
    """Return an engine that only reads, whatever the database holds: it may be another program's.

    Raises:
        SecretError: what the address refers to isn't there.
        StoreError: the address is none, its driver is missing, or there is no such file.
    """
    return _engine(_existing(address), _only_read, "BEGIN")


def open_existing(address: str) -> Engine:
    """Return an engine that may change what a store has written, and makes nothing.

    The caller checks the version of what is there.

    Raises:
        SecretError: what the address refers to isn't there.
        StoreError: the address is none, its driver is missing, or there is no such file.
    """
    return _writing_engine(_existing(address))


def files_of(address: str) -> tuple[Path, ...]:
    """Return all files that SQLite may keep a database in; none of a database server.

    Raises:
        SecretError: what the address refers to isn't there.
        StoreError: the address is none.
    """
    url = _parse(resolved("store", address))
    if url.get_backend_name() != "sqlite":
        return ()
    return tuple(Path(f"{url.database}{end}") for end in ("", "-wal", "-shm", "-journal"))


def _existing(address: str) -> URL:
    url = _parse(resolved("store", address))
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise StoreError(f"store: there is no database {url.database}; has a store written it?")
    return url


def _writing_engine(url: URL) -> Engine:
    # Immediately: a transaction that reads first could not wait for other writers later.
    return _engine(url, _set_pragmas, "BEGIN IMMEDIATE")


@contextmanager
def disposed_on_errors(engine: Engine) -> Iterator[None]:
    """Dispose of the engine if this fails; a file that is no database is a StoreError."""
    try:
        yield
    except DatabaseError as error:
        engine.dispose()
        if engine.dialect.name != "sqlite":
            raise
        hint = "; is its folder there, and writable?" if "unable to open" in str(error.orig) else ""
        raise StoreError(
            f"store: {engine.url.database} can't be used as an SQLite database: {error.orig}{hint}"
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


def _engine(url: URL, on_connect: Callable[[Any, object], None], begin: str) -> Engine:
    """Make an engine; the hook and the statement that begins a transaction are SQLite's."""
    try:
        engine = create_engine(url)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise StoreError(
            f"store: the driver of {url.drivername} is not installed:"
            " pip install 'ghostpose[postgresql]'"
        ) from error
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", on_connect)
        event.listen(engine, "begin", lambda connection: _begin(connection, begin))
    return engine


def _begin(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


def _set_pragmas(connection: Any, _record: object) -> None:
    """WAL lets readers read while we write; NORMAL syncs at checkpoints.

    A power cut may cost the last transactions, never the file; they are still in the streams. Of a
    new file, free pages are noted, so that they can be given back; that has to come first.
    """
    connection.isolation_level = None  # transactions begin where we say, not where the driver does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_SQLITE_BUSY_MS}")
    cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
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
