"""What a page shows of a camera in figures, worked out from glances at it: pure functions."""

from __future__ import annotations

import statistics
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from ghostpose.bus.glance import Glance
    from ghostpose.codec.camera_state import CameraState
    from ghostpose.types import Policy

Health = Literal["live", "late", "lost", "paused", "ended"]
"""What an operator has to know first.

`live`: poses come in time; `late`: they come, but behind; `lost`: it should play, and nothing
comes; `paused`, `ended`: nothing is to come.
"""

LATE_MS: Final = 2000.0
"""Poses that are so far behind are late."""

SILENT_S: Final = 5.0
"""Nothing came for so long: late."""

LOST_S: Final = 20.0
"""Nothing came for so long: lost."""

SAMPLES: Final = 6
"""Glances that rates are taken over: ten seconds of them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One glance at a camera, at `at_s` by the server's clock, with its process's counters."""

    at_s: float
    poses: int
    read: int
    skipped: int
    latency_ms: float | None


@dataclass(frozen=True, slots=True)
class Rates:
    """What the last ten seconds came to. `skipped` is a share of the pictures read, 0..1."""

    fps: float = 0.0
    latency_ms: float | None = None
    skipped: float = 0.0


@dataclass(slots=True)
class Track:
    """The last glances at one camera."""

    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=SAMPLES))

    def add(self, sample: Sample) -> None:
        """Take a glance in; counters that went back belong to a new process: all begins anew."""
        if self.samples and (
            sample.poses < self.samples[-1].poses or sample.read < self.samples[-1].read
        ):
            self.samples.clear()
        self.samples.append(sample)

    def rates(self) -> Rates:
        """Return what they came to."""
        if len(self.samples) < 2:
            return Rates()
        first, last = self.samples[0], self.samples[-1]
        read, took_s = last.read - first.read, max(1e-3, last.at_s - first.at_s)
        latencies = [s.latency_ms for s in self.samples if s.latency_ms is not None]
        return Rates(
            fps=(last.poses - first.poses) / took_s,
            latency_ms=statistics.median(latencies) if latencies else None,
            skipped=max(0.0, min(1.0, (last.skipped - first.skipped) / read)) if read else 0.0,
        )


def sample_of(glance: Glance, state: CameraState | None, policy: Policy, at_s: float) -> Sample:
    """Return a glance as a sample.

    Pictures above a camera's `fps` are left out on purpose: here they are neither read nor skipped.
    """
    read = skipped = 0
    if state is not None:
        left_out = state.counts.skipped.get("rate", 0)
        read = state.counts.read - left_out
        skipped = sum(state.counts.skipped.values()) - left_out
    return Sample(at_s, glance.counters.poses, read, skipped, latency_ms(glance, policy))


def latency_ms(glance: Glance, policy: Policy) -> float | None:
    """Return how long the last pose message took: from capture, of recordings from publishing."""
    last = glance.last
    if last is None:
        return None
    since_ms = last.published_ms if policy == "every" else 1000 * last.message.captured_at
    return max(0.0, last.committed_ms - since_ms)


def health_of(
    status: str, *, silent_s: float | None, in_status_s: float, latency: float | None
) -> Health:
    """Return what an operator has to know of a camera.

    `status` is what `ghostpose cameras list` says; `silent_s`: since its last pose message, None if
    there is none; `in_status_s`: for how long it has been in its status.
    """
    if status == "paused":
        return "paused"
    if status == "ended":
        return "ended"
    quiet_s = in_status_s if silent_s is None else silent_s
    if status in ("waiting", "frozen", "not played") or quiet_s >= LOST_S:
        return "lost"
    is_beginning = status == "opening" or silent_s is None
    is_behind = latency is not None and latency > LATE_MS
    return "late" if is_beginning or is_behind or quiet_s >= SILENT_S else "live"


def base_hue(camera: str) -> float:
    """Return where a camera's track colours begin, in turns, as `ghostpose.drawing` has them."""
    return zlib.crc32(camera.encode()) / 2**32
