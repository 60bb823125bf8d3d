"""Ours beside a plain pipeline that somebody would write in an afternoon (`plain_pipeline`).

The same clip at the same height on the same cores, one after the other; then both while their
inference process is killed again and again: how many frames were read and never came out.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Any

import msgpack

from benchmarks.clips import CLIP
from benchmarks.deployment import Deployment, Setup
from benchmarks.end_to_end import WARM_S, recordings, summary
from benchmarks.plain_pipeline import FRAMES, MAPS, PEOPLE, READ
from benchmarks.processes import cpu_s, tree
from benchmarks.servers import one_server, received_bytes

SECONDS, SECONDS_FULL = 8.0, 40.0
KILLS = 3
BETWEEN_KILLS_S = 2.0
START_S = 60.0
ROLES = ("read", "infer", "group")


def measure(*, full: bool) -> dict[str, Any]:
    """Return both pipelines' rates, and what each lost."""
    seconds = SECONDS_FULL if full else SECONDS
    return {"plain": _measure_plain(seconds), "ours": _measure_ours(seconds), "kills": KILLS}


def _measure_plain(seconds: float) -> dict[str, Any]:
    with Plain() as plain:
        plain.wait_for_result()
        time.sleep(WARM_S)
        seen = plain.watch(seconds)
        for _ in range(KILLS):
            plain.kill("infer")
            plain.start("infer")
            plain.wait_for_result()
            time.sleep(BETWEEN_KILLS_S)
        read, came = plain.stop_reading()
    return {**seen, "read": read, "lost": read - came}


def _measure_ours(seconds: float) -> dict[str, Any]:
    with Deployment(Setup(recordings(1))) as site:
        site.wait_until_all_play(WARM_S)
        seen = summary(site.watch(seconds), live=False)
        for _ in range(KILLS):
            site.kill("inference")
            site.wait_for_more(START_S)
            time.sleep(BETWEEN_KILLS_S)
        site.end_ingest()
        (counted,) = site.counters().values()
    lost = counted["published"] - counted["poses"]
    return {**seen, "read": counted["published"], "lost": lost}


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """Return the target that this section answers."""
    return {"pipeline_vs_plain": result["ours"]["fps"] / result["plain"]["fps"]}


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as a table."""
    plain, ours = result["plain"], result["ours"]
    whole_ms = sum(ours["core_ms"].values())
    late_ms = ours["latency_ms"]["p50"]
    return [
        "| | plain | ours |\n|-|-|-|",
        f"| frames/s | {plain['fps']:.1f} | {ours['fps']:.1f} |",
        f"| latency, p50, ms | {plain['latency_p50_ms']:.0f} | {late_ms:.0f} |",
        f"| core-ms a frame | {plain['core_ms']:.1f} | {whole_ms:.1f} |",
        f"| kB a frame sent to the server | {plain['kilobytes']:.0f} | {ours['kilobytes']:.0f} |",
        "| people a frame (the plain one keeps everybody of 3 key points) |"
        f" {plain['people']:.1f} | {ours['people']:.1f} |",
        f"| frames lost of those read, inference killed {result['kills']} times |"
        f" {plain['lost']} of {plain['read']} | {ours['lost']} of {ours['read']} |",
    ]


class Plain:
    """The plain pipeline's server and processes."""

    def __enter__(self) -> Plain:
        with ExitStack() as stack:
            self._servers = stack.enter_context(one_server())
            (self._client,) = self._servers.clients
            self._processes: dict[str, subprocess.Popen[bytes]] = {}
            stack.callback(self._kill_all)
            for role in ROLES:
                self.start(role)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, role: str) -> None:
        command = [sys.executable, "-m", "benchmarks.plain_pipeline", role, self._servers.url]
        command += [str(CLIP)] if role == "read" else []
        self._processes[role] = subprocess.Popen(command)

    def kill(self, role: str) -> None:
        self._processes[role].kill()
        self._processes[role].wait()

    def stop_reading(self) -> tuple[int, int]:
        """End the reader, wait until the lists are empty; return frames read, and results."""
        self.kill("read")
        until_s = time.monotonic() + START_S
        results = -1
        while results != (results := int(self._client.llen(PEOPLE))) or self._waiting():  # type: ignore[arg-type]
            if time.monotonic() > until_s:
                break
            time.sleep(1.0)
        return int(self._client.get(READ) or 0), results  # type: ignore[arg-type]

    def _waiting(self) -> int:
        return sum(int(self._client.llen(name)) for name in (FRAMES, MAPS))  # type: ignore[arg-type]

    def wait_for_result(self) -> None:
        """Wait until another result comes out than there are."""
        before, until_s = self._client.llen(PEOPLE), time.monotonic() + START_S
        while self._client.llen(PEOPLE) == before:
            if time.monotonic() > until_s:
                raise TimeoutError("the plain pipeline gives nothing")
            time.sleep(0.02)

    def watch(self, seconds: float) -> dict[str, Any]:
        """Return frames/s, latency and core-ms a frame of a stretch."""
        before, begun_s = self._client.llen(PEOPLE), time.time()
        spent_s, received = self._cpu_s(), received_bytes(self._client)
        time.sleep(seconds)
        spent_s, took_s = self._cpu_s() - spent_s, time.time() - begun_s
        received = received_bytes(self._client) - received
        raw: Any = self._client.lrange(PEOPLE, before, -1)  # type: ignore[arg-type]
        done = [msgpack.unpackb(one) for one in raw]
        late = [1000 * (one["done"] - one["at"]) for one in done]
        return {
            "fps": len(done) / took_s,
            "kilobytes": received / len(done) / 1000,
            "latency_p50_ms": statistics.median(late),
            "core_ms": 1000 * spent_s / len(done),
            "people": statistics.mean(one["people"] for one in done),
        }

    def _cpu_s(self) -> float:
        return cpu_s(tree([*self._servers.pids, *(p.pid for p in self._processes.values())]))

    def _kill_all(self) -> None:
        for role in self._processes:
            self.kill(role)
