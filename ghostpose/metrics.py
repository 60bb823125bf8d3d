"""What every process counts and measures, as one table; docs/operations.md says the same in words.

`prometheus_client` is imported with the first number, not with this module. Where an endpoint
serves several processes (`app/endpoint.py`), it keeps their numbers in files of a folder that they
share, which it is told by an environment variable, read as it is imported.
"""

from __future__ import annotations

import os
import threading
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from ghostpose.types import Timings

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder that an endpoint's processes share; prometheus_client reads it as it is
imported."""

Kind = Literal["counter", "gauge", "histogram"]

SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
COUNTS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


class Metric(NamedTuple):
    """One metric. `merged`: which of several processes' values of a gauge counts."""

    kind: Kind
    name: str
    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = SECONDS
    merged: Literal["max", "mostrecent", "livesum"] = "max"


FRAMES: Final = Metric(
    "counter",
    "ghostpose_frames_total",
    "Frames by what became of them: read, published, skipped (by ingest), pose, gap (committed)",
    ("camera", "outcome", "reason"),
)
RECONNECTS: Final = Metric(
    "counter",
    "ghostpose_reconnects_total",
    "Times that a live camera was opened again, or was tried to be",
    ("camera",),
)
LAST_SEEN: Final = Metric(
    "gauge",
    "ghostpose_camera_last_seen_timestamp_seconds",
    "When the last picture of a camera came; 0: never, or it is not to be played here now",
    ("camera",),
    merged="mostrecent",
)
PLAYING: Final = Metric(
    "gauge",
    "ghostpose_camera_playing",
    "Whether a camera gives pictures: 1 or 0",
    ("camera",),
    merged="mostrecent",
)
STAGE: Final = Metric(
    "histogram",
    "ghostpose_stage_seconds",
    "What each stage of a frame took: decode, encode, wait, inference, grouping, tracking, commit",
    ("stage",),
)
LATENCY: Final = Metric(
    "histogram",
    "ghostpose_latency_seconds",
    "From publishing a frame to committing its pose message",
    (),
)
BATCH: Final = Metric(
    "histogram",
    "ghostpose_batch_frames",
    "Frames in one step of the network",
    (),
    COUNTS,
)
INFERRED: Final = Metric(
    "counter",
    "ghostpose_inferred_total",
    "Frames by what came of inference: finished, late (another worker was first), buried",
    ("result",),
)
WAITING: Final = Metric(
    "gauge",
    "ghostpose_waiting_entries",
    "Lag: entries of a partition that wait for inference (frames) or post-processing (maps)",
    ("stream", "partition"),
    merged="mostrecent",
)
DEAD: Final = Metric(
    "gauge",
    "ghostpose_dead_letters",
    "Dead letters that a partition holds",
    ("partition",),
    merged="mostrecent",
)
SERVER_MEMORY: Final = Metric(
    "gauge",
    "ghostpose_server_memory_bytes",
    "The Redis server's memory: used, and its limit (0: none)",
    ("what",),
    merged="mostrecent",
)
STORED: Final = Metric(
    "counter",
    "ghostpose_stored_total",
    "Messages written to the database: poses, events; refused: left out",
    ("what",),
)
STORE_LAG: Final = Metric(
    "gauge",
    "ghostpose_store_lag_seconds",
    "Age of the newest message that the last transaction wrote; 0 if nothing waits",
    (),
    merged="mostrecent",
)
JOBS: Final = Metric(
    "counter",
    "ghostpose_jobs_total",
    "Jobs that a worker had in hand: finished, failed, stopped, returned (to be done again)",
    ("kind", "outcome"),
)
WAITING_JOBS: Final = Metric(
    "gauge",
    "ghostpose_waiting_jobs",
    "Jobs in the queue that no worker has in hand",
    (),
    merged="mostrecent",
)
MEMORY: Final = Metric(
    "gauge",
    "ghostpose_process_memory_bytes",
    "Resident memory of a role's processes together",
    ("role",),
    merged="livesum",
)
HEARTBEAT: Final = Metric(
    "gauge",
    "ghostpose_heartbeat_timestamp_seconds",
    "When the server last took a heartbeat of a role: the newest of its processes here",
    ("role",),
)
TURN: Final = Metric(
    "gauge",
    "ghostpose_turn_timestamp_seconds",
    "When a role's main loop last came around: the newest of its processes here",
    ("role",),
)

METRICS: Final = (
    *(FRAMES, RECONNECTS, LAST_SEEN, PLAYING, STAGE, LATENCY, BATCH, INFERRED, WAITING, DEAD),
    *(SERVER_MEMORY, STORED, STORE_LAG, JOBS, WAITING_JOBS, MEMORY, HEARTBEAT, TURN),
)
"""All of them; tests hold the dashboard, the alerts and the documentation against it."""


_making: Final = threading.Lock()
"""Held while a metric is looked up: two threads that both make it would both register it."""


def count(metric: Metric, *labels: str, by: float = 1) -> None:
    """Add to a counter; by nothing, it exists with what it has."""
    _child(metric, labels).inc(by)


def put(metric: Metric, value: float, *labels: str) -> None:
    """Set a gauge."""
    _child(metric, labels).set(value)


def observe(metric: Metric, value: float, *labels: str) -> None:
    """Add a value to a histogram."""
    _child(metric, labels).observe(value)


def observe_stages(timings: Timings) -> None:
    """Add what each stage of a frame took."""
    for stage in timings.__slots__:
        observe(STAGE, getattr(timings, stage) / 1000, stage)


def turned(role: str) -> None:
    """Say that the main loop of a role has come around."""
    put(TURN, time.time(), role)


def heartbeat_taken(role: str) -> None:
    """Say that the server has taken a heartbeat of a role's process, and how large that is."""
    put(HEARTBEAT, time.time(), role)
    put(MEMORY, resident_bytes(), role)


def forget_gauges_of(pid: int) -> None:
    """Forget what a process that has ended said of now; what it counted stays."""
    if folder := os.environ.get(FOLDER_VARIABLE):
        for path in Path(folder).glob(f"gauge_*_{pid}.db"):
            path.unlink(missing_ok=True)


def resident_bytes() -> int:
    """Return this process's resident memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def _child(metric: Metric, labels: tuple[str, ...]) -> Any:
    with _making:
        made = _made(metric)
    return made.labels(*labels) if labels else made


@cache
def _made(metric: Metric) -> Any:
    import prometheus_client

    if metric.kind == "counter":
        return prometheus_client.Counter(metric.name, metric.help, metric.labels)
    if metric.kind == "gauge":
        return prometheus_client.Gauge(
            metric.name, metric.help, metric.labels, multiprocess_mode=metric.merged
        )
    return prometheus_client.Histogram(
        metric.name, metric.help, metric.labels, buckets=metric.buckets
    )
