"""The pipeline without a network: what it carries itself, and how it grows with processes.

The stub engine gives maps that the network gave of vtest.avi, of frames with three people or more,
and sleeps: 1 ms a frame shows what everything around the network can carry, 20 ms how one, two and
four inference processes share the work.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.clips import CLIP
from benchmarks.deployment import Deployment, Setup
from benchmarks.end_to_end import CREDIT, HEIGHT_PX, recordings, summary
from benchmarks.recorded import record_maps
from workers.engines.stub import save_maps

SECONDS, SECONDS_FULL = 7.0, 30.0
WARM_S = 2.0
FAST_MS, SLOW_MS = 1.0, 20.0
FAST_WORKERS = (1, 2)
SLOW_WORKERS = (1, 2, 4)
RECORDINGS = 4


def measure(*, full: bool) -> dict[str, Any]:
    """Return what is carried, by pause and number of inference processes."""
    seconds = SECONDS_FULL if full else SECONDS
    recorded = record_maps(CLIP, HEIGHT_PX)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "maps.npz"
        save_maps(file, recorded.maps)
        return {
            "recorded_frames": len(recorded.maps),
            "recorded_people": recorded.mean_people,
            "fast": {str(n): carried(FAST_MS, n, file, seconds) for n in FAST_WORKERS},
            "slow": {str(n): carried(SLOW_MS, n, file, seconds) for n in SLOW_WORKERS},
        }


def carried(pause_ms: float, workers: int, file: Path, seconds: float) -> dict[str, Any]:
    """Return a window of recordings as fast as they go, store on."""
    cameras = recordings(RECORDINGS, CREDIT * workers)
    engine = {"engine": f"stub:{pause_ms:g}:{file}"}
    with Deployment(Setup(cameras, engine, workers=workers)) as site:
        site.wait_until_all_play(WARM_S)
        return summary(site.watch(seconds), live=False)


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """Return the targets that this section answers."""
    slow = {int(n): one["fps"] for n, one in result["slow"].items()}
    return {
        "stub_engine_fps": max(one["fps"] for one in result["fast"].values()),
        "second_worker_speedup": slow[2] / slow[1],
        "fourth_worker_speedup": slow[4] / slow[1],
    }


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as a table."""
    roles = list(result["fast"]["1"]["core_ms"])
    rows = [
        f"Recorded maps of {result['recorded_frames']} frames,"
        f" {result['recorded_people']:.1f} people in each.",
        "",
        f"| pause | inference processes | frames/s | core-ms a frame: {' | '.join(roles)} | all |",
        "|-" * (len(roles) + 4) + "|",
    ]
    for pause_ms, kind in ((FAST_MS, "fast"), (SLOW_MS, "slow")):
        for workers, one in result[kind].items():
            cells = " | ".join(f"{one['core_ms'][role]:.2f}" for role in roles)
            whole = sum(one["core_ms"].values())
            rows.append(
                f"| {pause_ms:g} ms | {workers} | {one['fps']:.1f} | {cells} | {whole:.2f} |"
            )
    return rows
