"""Many RTSP cameras at once, one of them unplugged again and again: what becomes of the others.

    make drill-cameras                    # 16 cameras for 10 minutes
    PYTHONPATH=.:tests python tests/drills/camera_drill.py --minutes 3 --cameras 8

Each camera is a server process of its own (GStreamer's, 640x360 H.264 at 5 frames a second, moving
pictures), so that it can be killed. After a minute of quiet one camera in turn is killed every 30 s
and comes back after 10. Prints a table and writes it as JSON; ends with 1 if a promise is broken.
The servers and everything else on the machine share its cores with what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from camera_servers import NO_RTSP, RtspServer, gstreamer_works, wait_for
from deployment import Deployment, cpu_s, run_drill

from app.chaos.watch import private_mb

if TYPE_CHECKING:
    from ghostpose.client import PoseRecord

FPS = 5
MOUNT = {"/sub": {"width": 640, "height": 360, "fps": FPS, "keyframes": 10, "bitrate": 400}}
EVERY_S = 30.0
UNPLUGGED_S = 10.0
STARTED_S = 120.0
RATE_SHARE = 0.02
"""The others keep their frame rate within this share."""

FLAT_SHARE = 0.10
"""Memory at the end may be so much above that after the quiet minute."""


@dataclass(frozen=True)
class Outage:
    """One unplugging: which camera, from when on, and how long its poses took after its return."""

    camera: str
    began: float
    ended: float
    resumed_s: float


@dataclass(frozen=True)
class Row:
    """What one camera came to. Rates are frames a second while others were unplugged."""

    camera: str
    poses: int
    rate: float
    worst_rate: float
    latency_ms_p50: float
    latency_ms_p95: float
    cpu_percent: float
    memory_mb: float
    restarted: bool


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def captured(records: list[PoseRecord], camera: str) -> list[float]:
    return [record.message.captured_at for record in records if record.camera == camera]


def rate_between(times: list[float], began: float, ended: float) -> float:
    """Return frames a second from the first to the last frame of a stretch.

    A rate by counting in a fixed window would be one frame in 150 wrong at either end.
    """
    inside = [at for at in times if began <= at <= ended]
    return (len(inside) - 1) / (inside[-1] - inside[0]) if len(inside) > 2 else 0.0


def unplug(server: RtspServer, camera: str, deployment: Deployment) -> Outage:
    began = time.time()
    server.kill()
    time.sleep(UNPLUGGED_S)
    server.start()
    back = time.time()

    def plays() -> bool:
        newest = deployment.records[-400:]
        return any(at > back for at in captured(newest, camera))

    return Outage(camera, began, back, wait_for(plays, f"the return of {camera}", 60))


def play(args: argparse.Namespace, folder: Path) -> tuple[dict[str, object], list[Row]]:
    names = [f"cam{k:02}" for k in range(args.cameras)]
    servers = {name: RtspServer(MOUNT) for name in names}
    sources = {name: server.url("/sub") for name, server in servers.items()}
    with Deployment(sources, folder) as deployment:
        wait_for(lambda: len({r.camera for r in deployment.records}) == len(names),
                 "a pose of each camera", STARTED_S)  # fmt: skip
        pids = deployment.camera_pids()
        others = {name: process.pid for name, process in deployment.processes.items()}
        time.sleep(args.quiet_s)
        cpu_before = {pid: cpu_s(pid) for pid in (*pids.values(), *others.values())}
        memory_before = sum(map(private_mb, (*pids.values(), *others.values())))
        began, outages = time.time(), []
        while time.time() - began < 60 * args.minutes - args.quiet_s:
            due = time.monotonic() + EVERY_S
            camera = names[len(outages) % len(names)]
            outages.append(unplug(servers[camera], camera, deployment))
            time.sleep(max(0.0, due - time.monotonic()))
        ended = time.time()
        memory_after = sum(map(private_mb, (*pids.values(), *others.values())))
        pids_after = deployment.camera_pids()
        rows = [
            row(deployment, name, outages, began, ended, pids, pids_after, cpu_before)
            for name in names
        ]
        used_mb = deployment.bus.client.info("memory")["used_memory"] / 1e6
        cpu = {
            n: round(100 * (cpu_s(p) - cpu_before[p]) / (ended - began)) for n, p in others.items()
        }
    for server in servers.values():
        server.kill()
    return {
        "cameras": args.cameras,
        "minutes": args.minutes,
        "load": os.getloadavg(),
        "cores": len(os.sched_getaffinity(0)),
        "outages": [asdict(outage) for outage in outages],
        "memory_mb_after_quiet": round(memory_before),
        "memory_mb_at_end": round(memory_after),
        "redis_mb": round(used_mb),
        "cpu_percent": cpu,
    }, rows


def row(
    deployment: Deployment,
    name: str,
    outages: list[Outage],
    began: float,
    ended: float,
    pids: dict[str, int],
    pids_after: dict[str, int],
    cpu_before: dict[int, float],
) -> Row:
    times = captured(deployment.records, name)
    # While another is away, until a while after its return: unless it was itself away just before.
    rates = [
        rate_between(times, outage.began, outage.began + EVERY_S)
        for before, outage in zip([None, *outages], outages, strict=False)
        if outage.camera != name and (before is None or before.camera != name)
    ]
    late = [
        record.committed_ms - 1000 * record.message.captured_at
        for record in deployment.records
        if record.camera == name and record.message.captured_at > began
    ]
    used_s = cpu_s(pids[name]) - cpu_before[pids[name]]
    return Row(
        camera=name,
        poses=len(times),
        rate=round(statistics.fmean(rates), 3) if rates else 0.0,
        worst_rate=round(min(rates, default=0.0), 3),
        latency_ms_p50=round(percentile(late, 0.5), 1),
        latency_ms_p95=round(percentile(late, 0.95), 1),
        cpu_percent=round(100 * used_s / (ended - began), 1),
        memory_mb=round(private_mb(pids[name]), 1),
        restarted=pids[name] != pids_after.get(name),
    )


def broken(figures: dict[str, object], rows: list[Row]) -> list[str]:
    """Return the promises that were not kept."""
    found = [f"{r.camera} was started again" for r in rows if r.restarted]
    found += [
        f"{r.camera} played at {r.rate} frames a second while others were unplugged"
        for r in rows
        if abs(r.rate - FPS) > RATE_SHARE * FPS
    ]
    before, after = (
        float(str(figures["memory_mb_after_quiet"])),
        float(str(figures["memory_mb_at_end"])),
    )
    if after > before * (1 + FLAT_SHARE):
        found.append(f"memory grew from {before:.0f} to {after:.0f} MB")
    return found


def show(figures: dict[str, object], rows: list[Row]) -> None:
    columns = list(asdict(rows[0]))
    print("| " + " | ".join(columns) + " |\n|" + "-|" * len(columns))
    for one in rows:
        print("| " + " | ".join(str(value) for value in asdict(one).values()) + " |")
    print(json.dumps({k: v for k, v in figures.items() if k != "outages"}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--quiet-s", type=float, default=60)
    parser.add_argument("--json", type=Path, default=Path("camera-drill.json"))
    args = parser.parse_args()
    if not gstreamer_works():
        sys.exit(NO_RTSP)
    with tempfile.TemporaryDirectory() as folder:
        figures, rows = play(args, Path(folder))
        log = (Path(folder) / "log.txt").read_text()
    show(figures, rows)
    problems = broken(figures, rows)
    args.json.write_text(
        json.dumps({**figures, "rows": [asdict(one) for one in rows], "broken": problems}, indent=1)
    )
    if problems:
        print("broken:", *problems, sep="\n  ")
        print(log[-3000:])
    return 1 if problems else 0


if __name__ == "__main__":
    run_drill(main)
