"""One camera at 60 frames a second beside 15 at 5, and twice as much as can be done.

The stub engine sleeps a while for each frame, so that load is known. The 15 are measured without
their loud neighbour first: that is their reference. Then live cameras ask for twice what the stub
can do: latency must stay bounded, and every frame must be accounted for.
"""

from __future__ import annotations

import statistics
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.clips import CLIP, at_rate
from benchmarks.deployment import Deployment, Setup, Window

HEIGHT_PX = 160
SECONDS, SECONDS_FULL = 8.0, 40.0
WARM_S = 2.0
QUIET, QUIET_FPS, LOUD_FPS = 15, 5.0, 60.0
PAUSE_MS = 5.0
OVERLOAD, OVERLOAD_CAMERAS, OVERLOAD_PAUSE_MS = 2.0, 4, 20.0
LOUD = "loud"


def measure(*, full: bool) -> dict[str, Any]:
    """Return rates and latencies of the quiet cameras, alone and beside the loud one; overload."""
    seconds = SECONDS_FULL if full else SECONDS
    with tempfile.TemporaryDirectory() as folder:
        quiet = [_camera(f"quiet-{n}", QUIET_FPS, Path(folder)) for n in range(QUIET)]
        loud = _camera(LOUD, LOUD_FPS, Path(folder))
        return {
            "alone": _beside(quiet, seconds),
            "beside_loud": _beside([*quiet, loud], seconds),
            "overload": _overload(Path(folder), seconds),
        }


def _camera(name: str, fps: float, folder: Path) -> dict[str, Any]:
    clip = at_rate(CLIP, fps, folder)
    return {"name": name, "source": str(clip), "loop": True, "height": HEIGHT_PX}


def _beside(cameras: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    setup = Setup(cameras, {"engine": f"stub:{PAUSE_MS:g}"}, stored=False)
    with Deployment(setup) as site:
        site.wait_until_all_play(WARM_S)
        window = site.watch(seconds)
    rates = Counter(pose.camera for pose in window.poses)
    of_quiet = [rates[c["name"]] / window.seconds for c in cameras if c["name"] != LOUD]
    return {
        "quiet_fps": {"least": min(of_quiet), "median": statistics.median(of_quiet)},
        "quiet_latency_ms": _of(window, lambda name: name != LOUD).latency_ms(),
        "loud_fps": rates[LOUD] / window.seconds,
    }


def _of(window: Window, chosen: Any) -> Window:
    poses = tuple(pose for pose in window.poses if chosen(pose.camera))
    return Window(window.seconds, poses, {}, {}, {})


def _overload(folder: Path, seconds: float) -> dict[str, Any]:
    carried = 1000 / OVERLOAD_PAUSE_MS
    fps = OVERLOAD * carried / OVERLOAD_CAMERAS
    cameras = [_camera(f"live-{n}", fps, folder) for n in range(OVERLOAD_CAMERAS)]
    setup = Setup(cameras, {"engine": f"stub:{OVERLOAD_PAUSE_MS:g}"}, stored=False)
    with Deployment(setup) as site:
        site.wait_until_all_play(WARM_S)
        window = site.watch(seconds)
        site.end_ingest()
        counted = site.counters().values()
    total = {name: sum(one[name] for one in counted) for name in next(iter(counted))}
    missing = total["read"] - total["published"] - total["skipped"]
    return {
        "wanted_fps": OVERLOAD * carried,
        "carried_fps": window.fps,
        "latency_ms": window.latency_ms(),
        **total,
        "unaccounted": abs(missing) + abs(total["published"] - total["poses"] - total["gaps"]),
    }


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as tables."""
    rows = [
        f"| {QUIET} cameras of {QUIET_FPS:g} fps | least fps | median | p50 | p99, ms"
        " | loud one, fps |",
        "|-|-|-|-|-|-|",
    ]
    for name in ("alone", "beside_loud"):
        one = result[name]
        fps, late = one["quiet_fps"], one["quiet_latency_ms"]
        rows.append(
            f"| {name.replace('_', ' ')} | {fps['least']:.2f} | {fps['median']:.2f}"
            f" | {late['p50']:.0f} | {late['p99']:.0f} | {one['loud_fps']:.1f} |"
        )
    over = result["overload"]
    late = over["latency_ms"]
    rows += [
        "",
        f"At {OVERLOAD:.0%} load ({over['wanted_fps']:.0f} frames/s wanted):"
        f" {over['carried_fps']:.1f} carried, latency p50 {late['p50']:.0f}, p99"
        f" {late['p99']:.0f} ms; {over['read']} frames read, {over['skipped']} skipped,"
        f" {over['gaps']} gaps, {over['unaccounted']} unaccounted.",
    ]
    return rows
