"""A deployment on this machine under load, and a look at it: rates, latency, processor time."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from app.chaos.watch import private_mb
from app.launch import Children
from app.processes import row_of
from benchmarks.processes import cpu_s, tree
from benchmarks.servers import Servers, one_server
from ghostpose.bus import Bus
from ghostpose.client import PoseReader, PoseRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from app.processes import Role

START_S = 120.0
SERVER = "server"


@dataclass(frozen=True, slots=True)
class Setup:
    """What runs: cameras as a configuration has them, and how many processes of which kind."""

    cameras: Sequence[dict[str, Any]]
    inference: dict[str, Any] = field(default_factory=dict)
    workers: int = 1
    postprocess: int = 1
    stored: bool = True


@dataclass(frozen=True, slots=True)
class Committed:
    """One pose message: its camera, when it was captured, published and committed, in ms."""

    camera: str
    captured_ms: float
    published_ms: float
    committed_ms: float
    people: int


@dataclass(frozen=True, slots=True)
class Window:
    """What was seen in so many seconds.

    `cpu_s` and `memory_mb` by role; `commands` that the server ran, `received` bytes that it got.
    """

    seconds: float
    poses: tuple[Committed, ...]
    cpu_s: dict[str, float]
    memory_mb: dict[str, float]
    commands: dict[str, int]
    received: int = 0

    @property
    def fps(self) -> float:
        return len(self.poses) / self.seconds

    def core_ms(self) -> dict[str, float]:
        """Return each role's processor time a frame, in ms."""
        frames = max(1, len(self.poses))
        return {role: 1000 * spent_s / frames for role, spent_s in self.cpu_s.items()}

    def latency_ms(self, *, live: bool = True) -> dict[str, float]:
        """Return percentiles from capture (or, of recordings, publishing) to the commit."""
        since = [p.captured_ms if live else p.published_ms for p in self.poses]
        took = np.array([p.committed_ms for p in self.poses]) - np.array(since)
        points = np.percentile(took, (50, 95, 99)) if len(took) else np.zeros(3)
        return dict(zip(("p50", "p95", "p99"), points.tolist(), strict=True))


class Deployment:
    """Everything of a setup runs from entering to leaving it."""

    def __init__(
        self, setup: Setup, servers: AbstractContextManager[Servers] | None = None
    ) -> None:
        self._setup, self._to_enter = setup, servers or one_server()
        self._children = Children(say=lambda line: print(f"    {line}", flush=True))
        self._poses: list[Committed] = []
        self._lock, self._done = threading.Lock(), threading.Event()
        self._reading = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._servers = stack.enter_context(self._to_enter)
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            stack.callback(self._children.stop)
            config = self._folder / "site.yaml"
            config.write_text(json.dumps(self._config()))
            for role, count in self._counts().items():
                self._children.start(row_of(role), count, ("--config", str(config)))
            self._bus = stack.enter_context(Bus.connect(self._servers.url))
            self._reading.start()
            stack.callback(self._stop_reading)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _config(self) -> dict[str, Any]:
        processes = {"processes": self._setup.workers}
        store = {"url": f"sqlite:///{self._folder}/poses.sqlite"} if self._setup.stored else {}
        return {
            "redis": {"url": self._servers.url},
            "cameras": list(self._setup.cameras),
            "inference": {**self._setup.inference, **processes},
            "postprocess": {"processes": self._setup.postprocess},
            "store": store,
        }

    def _counts(self) -> dict[Role, int]:
        setup = self._setup
        counts: dict[Role, int] = {"inference": setup.workers, "postprocess": setup.postprocess}
        return {**counts, "store": int(setup.stored), "ingest": 1}

    def _read(self) -> None:
        with PoseReader(self._servers.url, start="begin") as reader:
            while not self._done.is_set():
                poses = [
                    Committed(
                        record.camera,
                        1000 * record.message.captured_at,
                        record.published_ms,
                        record.committed_ms,
                        len(record.message.people),
                    )
                    for record in reader.read(block_s=0.2, count=1000)
                    if isinstance(record, PoseRecord)
                ]
                with self._lock:
                    self._poses += poses

    def _stop_reading(self) -> None:
        self._done.set()
        self._reading.join()

    def wait_until_all_play(self, warm_s: float) -> None:
        """Wait for a pose of each camera, and then a little."""
        wanted = {camera["name"] for camera in self._setup.cameras}
        until_s = time.monotonic() + START_S
        while True:
            with self._lock:
                seen = {pose.camera for pose in self._poses}
            if seen >= wanted:
                break
            self._children.check()
            if time.monotonic() > until_s:
                raise TimeoutError(f"no pose of {sorted(wanted - seen)} within {START_S:g} s")
            time.sleep(0.05)
        time.sleep(warm_s)

    def watch(self, seconds: float) -> Window:
        """Look on for so many seconds."""
        before, commands = self._cpu_s(), self._servers.commands()
        received, begun_ms = self._servers.received_bytes(), 1000 * time.time()
        time.sleep(seconds)
        after, later = self._cpu_s(), self._servers.commands()
        received, ended_ms = self._servers.received_bytes() - received, 1000 * time.time()
        memory_mb = {role: sum(map(private_mb, pids)) for role, pids in self._pids().items()}
        time.sleep(0.3)  # the reading thread is a little behind
        with self._lock:
            poses = tuple(p for p in self._poses if begun_ms <= p.committed_ms < ended_ms)
        return Window(
            seconds=(ended_ms - begun_ms) / 1000,
            poses=poses,
            cpu_s={role: after[role] - before[role] for role in after},
            memory_mb=memory_mb,
            commands={name: later[name] - commands.get(name, 0) for name in later},
            received=received,
        )

    def kill(self, role: Role) -> None:
        """Kill the processes of a role, as a crash does, and start them again."""
        for child in self._children.children:
            if child.row.role == role:
                child.process.kill()
                child.process.wait()
        self._children.check()

    def wait_for_more(self, limit_s: float) -> None:
        """Wait for the next pose message."""
        before, until_s = len(self._poses), time.monotonic() + limit_s
        while len(self._poses) == before:
            if time.monotonic() > until_s:
                raise TimeoutError(f"no pose within {limit_s:g} s")
            time.sleep(0.02)

    def end_ingest(self) -> None:
        """Have all cameras end in order, and wait until everything of them is committed."""
        self._children.terminate("ingest")
        until_s = time.monotonic() + START_S
        names = [camera["name"] for camera in self._setup.cameras]
        while self._children.alive("ingest") or any(
            self._bus.counters(name).in_flight for name in names
        ):
            if time.monotonic() > until_s:
                raise TimeoutError("frames are still in flight long after ingest ended")
            time.sleep(0.05)

    def counters(self) -> dict[str, dict[str, int]]:
        """Return what became of each camera's frames; of ended sessions, see `end_ingest`."""
        found = {}
        for camera in self._setup.cameras:
            one = self._bus.counters(camera["name"])
            found[camera["name"]] = {
                "read": one.read,
                "published": one.published,
                "skipped": sum(one.skipped_by_reason.values()),
                "poses": one.poses,
                "gaps": one.gaps,
            }
        return found

    def _pids(self) -> dict[str, set[int]]:
        roots = {SERVER: list(self._servers.pids)}
        for child in self._children.children:
            roots.setdefault(child.row.role, []).append(child.process.pid)
        return {role: tree(pids) for role, pids in roots.items()}

    def _cpu_s(self) -> dict[str, float]:
        return {role: cpu_s(pids) for role, pids in self._pids().items()}
