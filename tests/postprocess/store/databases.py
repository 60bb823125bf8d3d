"""Real databases for the store's tests: SQLite files, and a PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


def _program(name: str) -> str:
    found = shutil.which(name) or next(
        (str(p) for p in Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), None
    )
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not installed here")
    return found


@contextmanager
def running_postgresql() -> Iterator[str]:
    """Start a server on a unix socket in a private directory; yield an address for SQLAlchemy."""
    initdb, server = _program("initdb"), _program("postgres")
    pytest.importorskip("pg8000", reason="pg8000 (extra postgresql) is not installed")
    with tempfile.TemporaryDirectory(prefix="gp-pg-") as name:
        folder = Path(name)
        who = _owner(folder)
        data = folder / "data"
        subprocess.run(
            [initdb, "-D", str(data), "-U", "ghost", "-A", "trust", "--no-sync", "-E", "UTF8"],
            check=True, capture_output=True, **who,
        )  # fmt: skip
        options = ["-c", "listen_addresses=", "-c", "fsync=off"]
        command = [server, "-D", str(data), "-k", str(folder), *options]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **who
        )
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if b"ready to accept connections" in line:
                    break
            socket = folder / ".s.PGSQL.5432"
            yield f"postgresql://ghost@/postgres?unix_sock={socket}"
        finally:
            process.terminate()
            process.communicate(timeout=20)


def _owner(folder: Path) -> dict[str, object]:
    """PostgreSQL refuses to run as root: then it runs as the user that its package made."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("running as root, and there is no user postgres to run PostgreSQL as")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
