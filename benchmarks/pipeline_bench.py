"""Frames a second and latency of `ghostpose run` on a recording, with and without the network.

    python benchmarks/pipeline_bench.py [CLIP] [--height 368] [--rounds 3]

`stub:1` answers after 1 ms and shows what everything around the network carries; `auto` is the
network as users run it. One inference and one post-processing process, store on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CLIP = Path(__file__).parents[1] / "docs" / "media" / "vtest-cut.mp4"
ENGINES = ("stub:1", "auto")


def measure(clip: Path, height: int, engine: str) -> dict[str, Any]:
    """Run the pipeline once; return its summary."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "app.cli.main", "run", str(clip), "--policy", "every"]
        options = ["--height", str(height), "--engine", engine, "--output", folder, "--json"]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return summary


def main() -> None:
    """Print the median, and the range, of several rounds for each engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", nargs="?", type=Path, default=CLIP)
    parser.add_argument("--height", type=int, default=368)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(f"{given.clip.name} at height {given.height}, {given.rounds} rounds")
    for engine in ENGINES:
        rounds = [measure(given.clip, given.height, engine) for _ in range(given.rounds)]
        fps = sorted(one["fps"] for one in rounds)
        p50 = statistics.median(one["latency_ms"]["p50"] for one in rounds)
        print(
            f"{engine:8} {statistics.median(fps):7.1f} frames/s ({fps[0]:.1f} to {fps[-1]:.1f}),"
            f" latency p50 {p50:.0f} ms, {rounds[0]['people']} people in {rounds[0]['poses']} poses"
        )


if __name__ == "__main__":
    main()
