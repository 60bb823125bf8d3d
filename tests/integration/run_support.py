"""Starting `ghostpose` as a user does, and looking whether anything of it is left running."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "docs" / "media" / "vtest-cut.mp4"
CLIP_FRAMES = 240

SHORT_FRAMES = 80
"""What `slow_run` plays: four seconds in all, time enough to do something to it meanwhile."""


wait_until = partial(waiting.wait_until, what="what this test waits for")


@dataclass
class Ghostpose:
    """One command and all processes that come of it, found by a mark in their environment.

    `program`: Python code that runs the command line in place of the module itself.
    """

    arguments: tuple[str, ...]
    program: str = ""
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        python = ("-c", self.program) if self.program else ("-m", "app.cli.main")
        self.process = subprocess.Popen(
            [sys.executable, *python, *self.arguments],
            cwd=ROOT,
            env={**os.environ, "GHOSTPOSE_TEST_MARK": self.mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, limit_s: float = 100.0) -> Finished:
        """Wait for its end; assert that it leaves nothing running."""
        try:
            out, err = self.process.communicate(timeout=limit_s)
        finally:
            self.process.kill()
        assert self.left_running() == []
        return Finished(self.process.returncode, out, err)

    def left_running(self) -> list[str]:
        """Return the command lines of processes that carry the mark."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if self.mark.encode() in (folder / "environ").read_bytes():
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if command:  # a zombie has none
                        found.append(f"{folder.name} {command}")
            except (OSError, ValueError):
                continue
        return found

    def children(self, word: str) -> list[int]:
        """Return the process ids of those whose command line holds `word`."""
        return [int(line.split()[0]) for line in self.left_running() if f" {word} " in line]


def parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("PPid:")[1].split()[0])


def camera_processes(run: Ghostpose) -> list[int]:
    """Forked by ingest's fork server, whose command line they share."""
    forked = run.children("forkserver") or [
        int(line.split()[0]) for line in run.left_running() if "forkserver" in line
    ]
    return [pid for pid in forked if parent_of(pid) in forked]


@contextmanager
def standing_still(*pids: int) -> Iterator[None]:
    """Have processes do nothing meanwhile: so nothing is over before a test has done its part."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def slow_run(output: Path, *more: str, before: Sequence[str] = (), program: str = "") -> Ghostpose:
    """Start a run of the clip's last 80 frames with a network that takes 50 ms for each."""
    site = output / "slow.yaml"
    site.write_text(f"cameras: [{{source: {CLIP}, policy: every, start_s: 16, height: 64}}]")
    arguments = (*before, "run", "--config", str(site), "--engine", "stub:50", "--json")
    return Ghostpose((*arguments, "--output", str(output), *more), program)


@dataclass(frozen=True)
class Finished:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The last line of `--json`."""
        summary: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return summary


def ghostpose(*arguments: str | Path, limit_s: float = 100.0) -> Finished:
    """Run a command to its end."""
    return Ghostpose(tuple(map(str, arguments))).finish(limit_s)


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """Return the messages of `poses.jsonl`."""
    with (folder / "poses.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def assert_complete_and_in_order(messages: list[dict[str, Any]]) -> None:
    """One session of one camera: seq 0, 1, 2 ... and growing time."""
    assert [message["seq"] for message in messages] == list(range(len(messages)))
    assert len({message["session"] for message in messages}) == 1
    times = [message["media_time"] for message in messages]
    assert all(a < b for a, b in itertools.pairwise(times))
