"""The whole pipeline on real pictures: what it carries, how late it is, what a frame costs where.

vtest.avi (or the demo's cut of it) at height 368, the default engine, store on. First as
recordings, as fast as it goes, with bare inference before and after it as the reference; then as
live cameras at a quarter, half, four fifths and all of that rate.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.clips import CLIP, at_rate, pictures
from benchmarks.deployment import Deployment, Setup, Window
from workers.engines import create_engine
from workers.engines.padding import pad_to_stride

HEIGHT_PX = 368
RECORDINGS = 3
LIVE_FPS = 12.0
"""About what a camera of each load gives; how many cameras there are follows from it."""

LOADS = (0.25, 0.5, 0.8, 1.0)
SECONDS, SECONDS_FULL = 10.0, 40.0
WARM_S = 2.5
BARE_BATCHES = (1, 2, 4, 8)
BARE_S = 3.0
CREDIT = 8
BATCH = "4"
"""Frames that a worker infers together when they wait, by default."""


def measure(*, full: bool) -> dict[str, Any]:
    """Return bare inference, the saturated pipeline, and the latency at each load."""
    seconds = SECONDS_FULL if full else SECONDS
    before = bare_inference(seconds / 2)
    most = saturated(seconds)
    bare = meaned(before, bare_inference(seconds / 2))
    with tempfile.TemporaryDirectory() as folder:
        loads = {f"{load:.0%}": live(load * most["fps"], seconds, Path(folder)) for load in LOADS}
    return {"clip": CLIP.name, "bare": bare, "saturated": most, "loads": loads}


def bare_inference(seconds: float) -> dict[str, Any]:
    """Return frames/s and core-ms a frame of the engine alone, by batch."""
    images = [pad_to_stride(picture) for picture in pictures(CLIP, HEIGHT_PX, 8)]
    found = {}
    for batch in BARE_BATCHES:
        engine = create_engine("auto", batch=batch)
        engine.warm_up(*images[0].shape[:2], batch)
        spent_s, begun_s, frames, calls_ms = time.process_time(), time.perf_counter(), 0, []
        while time.perf_counter() < begun_s + seconds / len(BARE_BATCHES):
            call_s = time.perf_counter()
            engine.infer(images[:batch])
            calls_ms.append(1000 * (time.perf_counter() - call_s))
            frames += batch
        took_s = time.perf_counter() - begun_s
        found[str(batch)] = {
            "fps": frames / took_s,
            "ms": sorted(calls_ms)[len(calls_ms) // 2],
            "core_ms": 1000 * (time.process_time() - spent_s) / frames,
        }
    return {"engine": engine.name, "precision": engine.precision, "batches": found}


def meaned(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return the mean of what was measured before the pipeline ran and after it."""
    batches = {
        batch: {
            name: statistics.mean((value, after["batches"][batch][name]))
            for name, value in one.items()
        }
        for batch, one in before["batches"].items()
    }
    return {**before, "batches": batches}


def saturated(seconds: float) -> dict[str, Any]:
    """Return what the pipeline carries when recordings are played as fast as it takes them."""
    with Deployment(Setup(recordings(RECORDINGS))) as site:
        site.wait_until_all_play(WARM_S)
        return summary(site.watch(seconds), live=False)


def recordings(count: int, credit: int = CREDIT) -> list[dict[str, Any]]:
    """Return cameras that play the clip again and again, as fast as frames are taken."""
    common = {"source": str(CLIP), "policy": "every", "loop": True, "height": HEIGHT_PX}
    return [{"name": f"recording-{n}", "credit": credit, **common} for n in range(count)]


def live(fps: float, seconds: float, folder: Path) -> dict[str, Any]:
    """Return what happens at so many frames a second of live cameras."""
    count = max(1, round(fps / LIVE_FPS))
    clip = at_rate(CLIP, fps / count, folder)
    cameras = [
        {"name": f"live-{number}", "source": str(clip), "loop": True, "height": HEIGHT_PX}
        for number in range(count)
    ]
    with Deployment(Setup(cameras)) as site:
        site.wait_until_all_play(WARM_S)
        seen = summary(site.watch(seconds), live=True)
    return {"cameras": count, "wanted_fps": fps, **seen}


def summary(window: Window, *, live: bool) -> dict[str, Any]:
    """Return a window's figures."""
    frames = max(1, len(window.poses))
    commands = window.commands
    return {
        "fps": window.fps,
        "latency_ms": window.latency_ms(live=live),
        "core_ms": window.core_ms(),
        "memory_mb": window.memory_mb,
        "kilobytes": window.received / frames / 1000,
        "people": sum(pose.people for pose in window.poses) / frames,
        "commands_a_frame": {
            "steps": commands.get("evalsha", 0) / frames,
            "all": sum(commands.values()) / frames,
        },
    }


def overhead_core_ms(result: dict[str, Any]) -> float:
    """Return the processor time a frame of the saturated pipeline, all but bare inference."""
    whole = sum(result["saturated"]["core_ms"].values())
    return float(whole - result["bare"]["batches"][BATCH]["core_ms"])


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """Return the targets that this section answers."""
    batches = result["bare"]["batches"]
    best = max(one["fps"] for one in batches.values())
    return {
        "pipeline_overhead_core_ms": overhead_core_ms(result),
        "pipeline_efficiency": result["saturated"]["fps"] / best,
        "latency_p99_half_load": result["loads"]["50%"]["latency_ms"]["p99"] / batches["1"]["ms"],
    }


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as tables."""
    bare, most = result["bare"], result["saturated"]
    rows = [
        f"{result['clip']} at height {HEIGHT_PX}, engine {bare['engine']} {bare['precision']}.",
        "",
        "| bare inference, batch | frames/s | ms a call | core-ms a frame |",
        "|-|-|-|-|",
    ]
    for batch, one in bare["batches"].items():
        rows.append(f"| {batch} | {one['fps']:.1f} | {one['ms']:.1f} | {one['core_ms']:.1f} |")
    roles = list(most["core_ms"])
    rows += [
        "",
        f"| load | cameras | frames/s | p50 | p95 | p99, ms | core-ms a frame:"
        f" {' | '.join(roles)} | all |",
    ]
    rows.append("|-" * (len(roles) + 7) + "|")
    for name, one in {**result["loads"], "recordings": most}.items():
        late = one["latency_ms"]
        cells = " | ".join(f"{one['core_ms'][role]:.2f}" for role in roles)
        rows.append(
            f"| {name} | {one.get('cameras', RECORDINGS)} | {one['fps']:.1f} | {late['p50']:.0f}"
            f" | {late['p95']:.0f} | {late['p99']:.0f} | {cells}"
            f" | {sum(one['core_ms'].values()):.2f} |"
        )
    rows.append("")
    rows.append(
        f"The server ran {most['commands_a_frame']['steps']:.1f} steps a frame,"
        f" {most['commands_a_frame']['all']:.1f} commands with those inside of them, and got"
        f" {most['kilobytes']:.1f} kB. Bare inference takes"
        f" {bare['batches'][BATCH]['core_ms']:.2f} of the core-ms."
    )
    return rows
