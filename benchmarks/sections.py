"""All sections of the benchmark, and how one is run: in a process of its own.

python -m benchmarks.sections NAME FILE [--full]
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

SECTIONS = {
    "start": "How long until something is seen",
    "grouping": "Maps to people",
    "tracking": "People to tracks",
    "transport": "On the bus",
    "pictures": "Pictures on their way to inference",
    "engine": "The network",
    "end_to_end": "The whole pipeline",
    "stub_pipeline": "The pipeline without a network",
    "plain": "Beside a plain pipeline",
    "fairness": "Loud cameras and overload",
}
"""Name of a module here -> title. Each has `measure(full=...)` and `lines(result)`."""

FULL_SECTIONS = {
    "cluster": "On a cluster of servers",
    "store_bench": "A million frames in the store",
}
"""Those that the full benchmark has besides."""


def run_section(name: str, folder: Path, *, full: bool) -> Any:
    """Return a section's result, or None if it failed."""
    file = folder / f"{name}.json"
    command = [sys.executable, "-m", "benchmarks.sections", name, str(file)]
    done = subprocess.run([*command, *(["--full"] if full else [])])
    return json.loads(file.read_text()) if done.returncode == 0 else None


def lines_of(name: str, result: Any) -> list[str]:
    """Return a section's result as tables."""
    if result is None:
        return ["It failed; see above."]
    lines: list[str] = import_module(f"benchmarks.{name}").lines(result)
    return lines


def main() -> None:
    name, file, *more = sys.argv[1:]
    result = import_module(f"benchmarks.{name}").measure(full=bool(more))
    Path(file).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
