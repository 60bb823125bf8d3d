"""Lose a machine with its server and its database, and go on from the backup on another.

    make drill-restore

Makes the backup as docs/deployment.md says, while everything runs; then kills everything, starts a
new server from the copy, and holds what comes against what was there: the camera plays again by
itself, in a session that was never used, and the database has every frame once. Ends with 1 if not.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Self

from bus_servers import RealServer, until, valkey
from deployment import run_drill

ROOT = Path(__file__).parents[2]
CAMERA = "hall"
SOURCE = "pattern:people=2&frames=1000000&fps=20&width=128&height=96"
ENOUGH = 60
"""Frames in the database that make a backup worth having."""

LIMIT_S = 60.0


class Machine:
    """A server in `folder` and one process of each role, with the database beside it."""

    def __init__(self, folder: Path, **options: str) -> None:
        self.folder, self.database = folder, folder / "ghostpose.sqlite"
        self.server = RealServer(valkey(), folder / "server", options)
        self._roles: list[subprocess.Popen[bytes]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.server)
        log = self._stack.enter_context((self.folder / "log.txt").open("w"))
        for words in (
            ("ingest", "--registry"),
            ("infer", "--engine", "stub:1"),
            ("postprocess",),
            ("store", "--store", f"sqlite:///{self.database}"),
        ):
            command = (sys.executable, "-m", "app.cli.main", *words, "--redis", self.server.url)
            self._roles.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log))
        return self

    def __exit__(self, *_: object) -> None:
        """Lose it all at once, as when power fails."""
        for role in self._roles:
            role.kill()
        for role in self._roles:
            role.wait()
        self._stack.close()

    def rows(self) -> list[tuple[int, int]]:
        """Return session and seq of each pose in the database."""
        if not self.database.exists():
            return []
        query = (
            "SELECT session, seq FROM poses JOIN cameras ON cameras.id = poses.camera_id "
            "WHERE cameras.name = ? ORDER BY session, seq"
        )
        with closing(sqlite3.connect(self.database)) as connection:
            try:
                return connection.execute(query, (CAMERA,)).fetchall()
            except sqlite3.OperationalError:
                return []

    def back_up(self, folder: Path) -> None:
        """Copy the server's data and the database while both are written to."""
        folder.mkdir()
        copying = ["redis-cli", "-p", str(self.server.port), "--rdb", str(folder / "dump.rdb")]
        subprocess.run(copying, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with (
            closing(sqlite3.connect(self.database)) as source,
            closing(sqlite3.connect(folder / self.database.name)) as copy,
        ):
            source.backup(copy)


def cameras(machine: Machine, *words: str) -> None:
    command = (sys.executable, "-m", "app.cli.main", "cameras", *words)
    subprocess.run([*command, "--redis", machine.server.url], cwd=ROOT, check=True)


def restored(backup: Path, folder: Path) -> Machine:
    """Return a new machine, not started yet, with the backup in place."""
    (folder / "server").mkdir(parents=True)
    shutil.copy(backup / "dump.rdb", folder / "server")
    shutil.copy(backup / "ghostpose.sqlite", folder)
    return Machine(folder)


def main() -> int:
    if shutil.which("redis-cli") is None:
        sys.exit("the drill needs redis-cli (Debian's redis-tools)")
    with tempfile.TemporaryDirectory() as name:
        backup = Path(name) / "backup"
        (Path(name) / "old").mkdir()
        with Machine(Path(name) / "old", appendonly="yes") as old:
            cameras(old, "add", CAMERA, SOURCE, "height=96", "policy=latest")
            until(lambda: len(old.rows()) >= ENOUGH, "poses in the database", LIMIT_S)
            old.back_up(backup)
            copied = len(old.rows())
            until(lambda: len(old.rows()) >= copied + ENOUGH, "poses after the backup", LIMIT_S)
            before = old.rows()
        machine = restored(backup, Path(name) / "new")
        saved = machine.rows()
        started = time.monotonic()
        with machine:
            until(lambda: len(machine.rows()) >= len(saved) + ENOUGH, "poses again", LIMIT_S)
            took_s = time.monotonic() - started
            after = machine.rows()
    return report(before, saved, after, took_s)


def report(
    before: list[tuple[int, int]],
    saved: list[tuple[int, int]],
    after: list[tuple[int, int]],
    took_s: float,
) -> int:
    """Print what was lost and found, and return the exit code."""
    new = [row for row in after if row[0] > max(session for session, _ in before)]
    print(f"{len(before)} poses when all was lost, {len(saved)} of them in the backup")
    print(f"{len(after)} now, {len(new)} of them in a new session; {ENOUGH} after {took_s:.1f} s")
    checks = {
        "what was in the backup is there": set(saved) <= set(after),
        "every frame is there once": len(set(after)) == len(after),
        "the camera went on in a session of its own": len(new) > 0,
    }
    for check, holds in checks.items():
        print(f"{'yes' if holds else 'NO '}  {check}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    run_drill(main)
