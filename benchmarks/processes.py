"""Processor time and memory of processes and their children, from /proc."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PARENT, _USER, _CHILD_SYSTEM = 1, 11, 14
"""Fields of /proc/PID/stat behind the process's name."""


def tree(roots: Iterable[int]) -> set[int]:
    """Return these processes and all that descend from them."""
    parents = {int(path.name): _parent(path) for path in Path("/proc").glob("[0-9]*")}
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """Return the processor time of processes, that of children they have waited for included."""
    return sum(
        TICK_S * sum(map(int, fields[_USER : _CHILD_SYSTEM + 1]))
        for pid in pids
        if (fields := _stat(Path(f"/proc/{pid}")))
    )


def peak_mb(pid: int | str = "self") -> float:
    """Return the most memory that a process has had resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1000
    return 0.0


def _parent(path: Path) -> int:
    fields = _stat(path)
    return int(fields[_PARENT]) if fields else 0


def _stat(path: Path) -> list[str]:
    try:
        return (path / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []  # it has ended meanwhile
