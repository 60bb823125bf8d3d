"""Many cameras on the dashboard's page for a while: does it stay quick, small and cheap?

    make drill-page                       # 16 simulated cameras for 10 minutes
    PYTHONPATH=.:tests:tests/browser python tests/drills/page_drill.py --minutes 3 --cameras 8

The cameras are simulated in this process (5 pictures a second each, three walkers), the dashboard
is a process of its own, the page is open in real Chromium. Prints a table and writes it as JSON;
ends with 1 if a promise is broken: at least 20 frames and 20 pictures drawn a second, memory of the
page at the end no more than a tenth above that after the first minute, the dashboard's process
under one core. Everything else on the machine shares its cores with what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployment import cpu_s
from playwright.sync_api import sync_playwright
from simulated import SimulatedCamera, Simulation

from app.chaos.watch import private_mb
from app.dashboard.listen import free_listen
from ghostpose.bus import Bus, EmbeddedServer, Registry
from ghostpose.config import CameraConfig

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

ROOT = Path(__file__).parents[2]
SAMPLE_S = 10.0
SETTLED_S = 60.0
FEWEST_A_SECOND = 20.0
FLAT_SHARE = 0.10
MOST_CORES = 1.0

COUNTING = """() => {
  window.frames_painted = 0;
  const tick = () => { window.frames_painted += 1; requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
}"""
COUNTS = """() => import("/js/draw.js").then(
  ({drawing}) => ({pictures: drawing.pictures, frames: window.frames_painted}))"""


@dataclass(frozen=True)
class Sample:
    """What one stretch came to. `behind_ms`: how long after its publishing a picture was sent."""

    at_s: float
    frames_a_second: float
    pictures_a_second: float
    page_heap_mb: float
    browser_mb: float
    dashboard_mb: float
    dashboard_cores: float


class Watch:
    """Measures the page, the browser and the dashboard."""

    def __init__(self, page: Page, dashboard: int) -> None:
        self._page, self._dashboard = page, dashboard
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send("Performance.enable")
        page.evaluate(COUNTING)
        self._began_s = time.monotonic()
        self._last = self._now()

    def sample(self) -> Sample:
        before, now = self._last, self._now()
        took_s = now["at"] - before["at"]
        self._last = now
        return Sample(
            at_s=round(now["at"] - self._began_s, 1),
            frames_a_second=round((now["frames"] - before["frames"]) / took_s, 1),
            pictures_a_second=round((now["pictures"] - before["pictures"]) / took_s, 1),
            page_heap_mb=round(self._heap_mb(), 2),
            browser_mb=round(sum(private_mb(pid) for pid in browsers()), 1),
            dashboard_mb=round(private_mb(self._dashboard), 1),
            dashboard_cores=round((now["cpu"] - before["cpu"]) / took_s, 3),
        )

    def _now(self) -> dict[str, float]:
        counts: dict[str, float] = self._page.evaluate(COUNTS)
        return {"at": time.monotonic(), "cpu": cpu_s(self._dashboard), **counts}

    def _heap_mb(self) -> float:
        """What the page holds once what it let go of is collected."""
        self._session.send("HeapProfiler.collectGarbage")
        metrics: Any = self._session.send("Performance.getMetrics")["metrics"]
        return float({m["name"]: m["value"] for m in metrics}["JSHeapUsedSize"]) / 1e6


def browsers() -> list[int]:
    """Return the browser's processes: this one's descendants of that name."""
    parents: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                name, _, rest = (folder / "stat").read_text().rpartition(")")
            except OSError:
                continue
            parents.setdefault(int(rest.split()[1]), []).append(int(folder.name))
            names[int(folder.name)] = name.partition("(")[2]
    found: list[int] = []
    left = [os.getpid()]
    while left:
        children = parents.get(left.pop(), [])
        found += [pid for pid in children if "chrom" in names[pid]]
        left += children
    return found


def broken_promises(samples: list[Sample]) -> list[str]:
    settled = [one for one in samples if one.at_s >= SETTLED_S] or samples
    third = max(1, len(settled) // 3)
    broken = []
    for what in ("frames_a_second", "pictures_a_second"):
        middle = statistics.median(getattr(one, what) for one in settled)
        if middle < FEWEST_A_SECOND:
            broken.append(f"{what.replace('_', ' ')}: {middle}, wanted {FEWEST_A_SECOND:.0f}")
    for what in ("page_heap_mb", "browser_mb"):
        begin, end = (
            statistics.median(getattr(one, what) for one in part)
            for part in (settled[:third], settled[-third:])
        )
        if end > (1 + FLAT_SHARE) * begin:
            broken.append(f"{what}: grew from {begin} to {end}")
    cores = statistics.mean(one.dashboard_cores for one in settled)
    if cores >= MOST_CORES:
        broken.append(f"the dashboard took {cores:.2f} cores")
    return broken


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--json", type=Path, default=Path("page-drill.json"))
    given = parser.parse_args()
    names = [f"camera-{number:02d}" for number in range(1, given.cameras + 1)]
    with EmbeddedServer() as server, Bus.connect(server.url) as bus:
        for name in names:
            Registry(bus).add(CameraConfig(name=name, source="pattern:"))
        with Simulation(bus, [SimulatedCamera(name, seed) for seed, name in enumerate(names)]):
            samples = watched(server.url, given.minutes, given.cameras)
    given.json.write_text(json.dumps([asdict(one) for one in samples], indent=1))
    for sentence in (broken := broken_promises(samples)):
        print(f"broken: {sentence}")
    return 1 if broken else 0


def watched(redis_url: str, minutes: float, cameras: int) -> list[Sample]:
    at = free_listen(None)
    command = (sys.executable, "-m", "app.cli.main", "dashboard", str(at), "--redis", redis_url)
    dashboard = subprocess.Popen(command, cwd=ROOT)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium",
                args=["--no-sandbox", "--disable-dev-shm-usage", "--enable-precise-memory-info"],
            )
            page = browser.new_page(viewport={"width": 1920, "height": 1400})
            open_page(page, f"http://{at}/", cameras)
            watch, until_s = Watch(page, dashboard.pid), time.monotonic() + 60 * minutes
            samples = []
            while time.monotonic() < until_s:
                page.wait_for_timeout(1000 * SAMPLE_S)
                samples.append(watch.sample())
                print("  ".join(f"{k} {v}" for k, v in asdict(samples[-1]).items()), flush=True)
            browser.close()
            return samples
    finally:
        dashboard.terminate()
        dashboard.wait(20)


def open_page(page: Page, url: str, cameras: int) -> None:
    """Open the page and wait until every camera is drawn."""
    until_s = time.monotonic() + 60
    drawn = "document.querySelectorAll('.tile canvas[data-seq]').length"
    while True:
        try:
            page.goto(url)
            break
        except Exception:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.3)
    page.locator("select").nth(1).select_option("small")
    while page.evaluate(drawn) < cameras:
        assert time.monotonic() < until_s, "not every camera was drawn within a minute"
        page.wait_for_timeout(200)


if __name__ == "__main__":
    sys.exit(main())
