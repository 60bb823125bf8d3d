"""`make bench`: every benchmark in turn, with the machine described: `python -m benchmarks`.

Nothing else should run meanwhile; the machine's load is printed, so that figures can be judged.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS = (
    ("Networks: pictures to maps, beside the baseline", ("network_bench.py",)),
    ("Grouping: maps to people", ("grouping_bench.py",)),
    ("Tracking: people to tracks", ("tracking_bench.py",)),
    ("Pictures on their way to inference", ("picture_codec_bench.py",)),
    ("The whole pipeline, one recording", ("pipeline_bench.py",)),
)


def machine() -> str:
    """Return processor, cores, load and Python of this machine on one line."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = {word for line in lines if line.startswith("flags") for word in line.split()}
    vectors = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    model = models[0] if models else platform.processor()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores ({' '.join(vectors) or 'plain'}),"
        f" load {load}; Python {platform.python_version()} on {platform.system()}"
    )


def main() -> int:
    """Run all benchmarks; return 1 if one of them failed."""
    print(machine(), flush=True)
    failed = 0
    for title, (script, *arguments) in BENCHMARKS:
        print(f"\n== {title} (benchmarks/{script})", flush=True)
        failed |= subprocess.run([sys.executable, str(HERE / script), *arguments]).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
