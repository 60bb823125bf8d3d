"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from postprocess.store import open_database
from postprocess.store.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

USERS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root: then it runs as the first of these that there is."""


TEST_SETTINGS = ("fsync=off", "shared_buffers=32MB")


class PostgresqlServer:
    """A server on a unix socket in `folder`, which can be stopped and started again."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self._settings = ("listen_addresses=", *(settings or TEST_SETTINGS))
        self._folder, self._data = folder, folder / "data"
        self._program, self._who = _program("postgres"), _owner(folder)
        self.address = f"postgresql://ghost@/postgres?unix_sock={folder / '.s.PGSQL.5432'}"
        subprocess.run(
            [_program("initdb"), "-D", str(self._data), "-U", "ghost", "-A", "trust", "--no-sync",
             "-E", "UTF8"],
            check=True, capture_output=True, **self._who,
        )  # fmt: skip

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [word for setting in self._settings for word in ("-c", setting)]
        self._process = subprocess.Popen(
            [self._program, "-D", str(self._data), "-k", str(self._folder), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **self._who,
        )
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:
            said.append(line)
            if b"ready to accept connections" in line:
                return
        raise AssertionError(f"PostgreSQL didn't start: {b''.join(said).decode()}")

    def stop(self) -> None:
        """Stop it, whoever is connected."""
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=60)


@contextmanager
def running_postgresql(*settings: str) -> Iterator[PostgresqlServer]:
    """Start a server in a folder of its own; skip the test where it or its driver is missing.

    `settings`: `NAME=VALUE` of its configuration; without any it is quick, and keeps nothing.
    """
    pytest.importorskip("pg8000", reason="pg8000 (extra postgresql) is not installed")
    with tempfile.TemporaryDirectory(prefix="gp-pg-") as folder:
        server = PostgresqlServer(Path(folder), *settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def empty_postgresql(server: PostgresqlServer) -> str:
    """Return the address of the server's database, with our tables and nothing in them."""
    engine = open_database(server.address)
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())  # where there is little, quicker than TRUNCATE
        connection.execute(text("ALTER SEQUENCE cameras_id_seq RESTART"))
    engine.dispose()
    return server.address


def _program(name: str) -> str:
    found = shutil.which(name) or next(
        (str(p) for p in Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), None
    )
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not installed here")
    return found


def _owner(folder: Path) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = next((known[name] for name in USERS if name in known), None)
    if user is None:
        pytest.skip(f"running as root, and there is no user {' or '.join(USERS)} for PostgreSQL")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
