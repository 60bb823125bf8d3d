"""How much memory one network takes at most: a process of its own for each.

python -m benchmarks.network_memory NAME WAY [FILE]
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.processes import peak_mb

SIDE_PX = 368
RUNS = 5
AT_ONCE = 2


def memory_of_all(folder: Path, ways: list[str]) -> dict[str, float]:
    """Return the peak in MB of each network and way (`torch f32`, `openvino bf16`)."""
    from benchmarks.network_files import BASELINE, POSE, file_of

    jobs = {
        f"{name}: {way}": (name, way, file_of(name, way.split()[1], folder))
        for name in (BASELINE, POSE)
        for way in ways
    }
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda job: _in_a_process(*job), jobs.values())
        return dict(zip(jobs, found, strict=True))


def _in_a_process(name: str, way: str, file: Path | None) -> float:
    command = [sys.executable, "-m", "benchmarks.network_memory", name, way]
    command += [str(file)] if file else []
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    name, way, *files = sys.argv[1:]
    runtime, precision = way.split()
    image_nhw3 = np.zeros((1, SIDE_PX, SIDE_PX, 3), np.uint8)
    if runtime == "torch":
        from benchmarks.network_files import eager

        run = eager(name)
        for _ in range(RUNS):
            run(image_nhw3)
    else:
        from workers.engines import create_engine

        weights = Path(files[0]) if files else None
        engine = create_engine(runtime, weights=weights, precision=precision)  # type: ignore[arg-type]
        for _ in range(RUNS):
            engine.infer(list(image_nhw3))
    print(peak_mb())


if __name__ == "__main__":
    main()
