"""How long until something is seen: `ghostpose run`'s first pose, and the client's import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.clips import CLIP
from benchmarks.timing import shown, spread

TIMES, TIMES_FULL = 4, 12
IMPORTS = 12
LIMIT_S = 60.0
CLIENT = "import ghostpose.client"


def measure(*, full: bool) -> dict[str, Any]:
    """Return seconds to the first pose, and ms of the import beside a bare interpreter's start."""
    first_pose_s()  # the disk is warm after it
    bare, client = [], []
    for _ in range(IMPORTS):
        bare.append(_run_ms("pass"))
        client.append(_run_ms(CLIENT))
    return {
        "first_pose_s": spread(first_pose_s() for _ in range(TIMES_FULL if full else TIMES)),
        "import_client_ms": spread(client),
        "bare_python_ms": spread(bare),
    }


def first_pose_s() -> float:
    """Return the seconds from the command to the first line in `poses.jsonl`."""
    with tempfile.TemporaryDirectory() as folder:
        poses = Path(folder) / "poses.jsonl"
        command = [sys.executable, "-m", "app.cli.main", "run", str(CLIP), "--output", folder]
        begun_s = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not (poses.exists() and poses.stat().st_size):
                if process.poll() is not None or time.monotonic() > begun_s + LIMIT_S:
                    raise TimeoutError("ghostpose run gave no pose")
                time.sleep(0.005)
            return time.monotonic() - begun_s
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _run_ms(statement: str) -> float:
    begun_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, env=os.environ)
    return 1000 * (time.perf_counter() - begun_s)


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as a table."""
    imports, bare = result["import_client_ms"], result["bare_python_ms"]
    return [
        "| what | took |",
        "|-|-|",
        f"| `ghostpose run` to the first pose, s | {shown(result['first_pose_s'], 2)} |",
        f"| a process that imports `ghostpose.client`, ms | {shown(imports, 0)} |",
        f"| a process that imports nothing, ms | {shown(bare, 0)} |",
    ]
