"""A whole deployment for drills: a server, ingest of some cameras, stub inference, grouping."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

from app.stopping import StopAskedError, stop_signals_raised
from ghostpose.bus import Bus, EmbeddedServer
from ghostpose.client import PoseReader, PoseRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[2]
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Deployment:
    """Plays `cameras` (name to source) at `height` rows; `records` grows with their poses."""

    def __init__(self, cameras: Mapping[str, str], folder: Path, height: int = 184) -> None:
        self.records: list[PoseRecord] = []
        self._done = threading.Event()
        self._stack = ExitStack()
        self.server = self._stack.enter_context(EmbeddedServer(maxmemory_mb=1024))
        self.bus = self._stack.enter_context(Bus.connect(self.server.url))
        site = folder / "site.yaml"
        rows = [f"  - {{name: {n}, source: '{s}', height: {height}}}" for n, s in cameras.items()]
        site.write_text("cameras:\n" + "\n".join(rows) + "\n")
        self._log = self._stack.enter_context((folder / "log.txt").open("w"))
        self.processes = {
            "ingest": self._start("ingest", "--config", str(site)),
            "infer": self._start("infer", "--engine", "stub:1"),
            "postprocess": self._start("postprocess"),
        }
        self._reader = threading.Thread(target=self._read, daemon=True)

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = (sys.executable, "-m", "app.cli.main", *arguments, "--redis", self.server.url)
        return subprocess.Popen(command, cwd=ROOT, stdout=self._log, stderr=self._log)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(30)
        self._done.set()
        self._reader.join()
        self._stack.close()

    def _read(self) -> None:
        with PoseReader(self.server.url, start="begin") as reader:
            while not self._done.is_set():
                for record in reader.read(block_s=0.5):
                    if isinstance(record, PoseRecord):
                        self.records.append(record)

    def camera_pids(self) -> dict[str, int]:
        """Return each camera's process, as its state names it."""
        from ghostpose.bus.camera_states import read_camera_states

        return {name: state.pid for name, state in read_camera_states(self.bus).items()}


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, user and system; 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def run_drill(main: Callable[[], int]) -> NoReturn:
    """End with what `main` returns; if asked to stop, leave no process and no folder behind."""
    try:
        with stop_signals_raised():
            sys.exit(main())
    except StopAskedError as asked:
        sys.exit(asked.exit_code)
