"""How long tracking takes, how large its state is, and how far smoothing lags behind.

1, 20 and 80 people who walk side by side, with noise and misses, ten frames a second; one thread.
Then, without noise, by how much a walking body and a swinging ankle come late, and how much
somebody who stands still trembles against what is measured.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.crowds import STANDING
from benchmarks.timing import shown, spread
from ghostpose.skeleton import KEYPOINTS
from ghostpose.types import Person
from postprocess.tracking import Tracker

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.types import FloatArray

FRAMES, FPS = 200, 10
SIZE = (3840, 2160)
HEIGHT_PX = 120.0
NECK, ANKLE = KEYPOINTS.index("neck"), KEYPOINTS.index("right_ankle")


def body(x: float, y: float, ankle_px: float = 0.0) -> FloatArray:
    """Return the 18 key points of somebody at x whose head is at y, an ankle that far forward."""
    points_k3 = np.ones((18, 3), np.float32)
    points_k3[:, :2] = np.array(STANDING) * HEIGHT_PX + (x, y)
    points_k3[ANKLE, 0] += ankle_px
    return points_k3


def person(points_k3: FloatArray) -> Person:
    return Person(0.8, (0.0, 0.0, 1.0, 1.0), points_k3)


def crowd(people: int, seconds: float, rng: np.random.Generator) -> list[Person]:
    found = []
    for p in range(people):
        row, column = divmod(p, 20)
        points_k3 = body(100 + 170 * column + 15 * abs(seconds % 8 - 4), 100 + 250 * row)
        points_k3[:, :2] += rng.normal(0, 1.5, (18, 2))
        points_k3[rng.random(18) < 0.1] = 0
        if rng.random() > 0.03:
            found.append(person(points_k3))
    return found


def frame_times(people: int) -> dict[str, float]:
    """Return the spread of milliseconds a frame, and bytes of state."""
    rng, tracker, times_ms = np.random.default_rng(0), Tracker("bench"), []
    for k in range(FRAMES):
        found = crowd(people, k / FPS, rng)
        begun = time.perf_counter()
        tracker.update(found, k / FPS, SIZE)
        times_ms.append(1000 * (time.perf_counter() - begun))
    return {**spread(times_ms[10:]), "state_bytes": len(tracker.state())}


def tracked(points: Callable[[float], FloatArray], fps: float, keypoint: int) -> FloatArray:
    """Return time, and where a key point truly is, and where the tracker says (x), from 2 s on."""
    tracker, rows = Tracker("bench"), []
    for k in range(int(8 * fps)):
        points_k3 = points(k / fps)
        (found,) = tracker.update([person(points_k3)], k / fps)
        rows.append((k / fps, points_k3[keypoint, 0], found.keypoints_k3[keypoint, 0]))
    return np.array(rows[int(2 * fps) :], np.float32)


def walking_lag_ms(fps: float) -> float:
    """Return how late the neck of somebody who walks at a body height a second is."""
    rows_n3 = tracked(lambda t: body(100 + HEIGHT_PX * t, 100), fps, NECK)
    return float(1000 * np.abs(rows_n3[:, 1] - rows_n3[:, 2]).max() / HEIGHT_PX)


def ankle_lag_ms(fps: float) -> float:
    """Return how late an ankle is that swings once a second: the shift that fits best."""

    def place(t: FloatArray | float) -> FloatArray:
        return np.asarray(0.2 * HEIGHT_PX * np.sin(2 * np.pi * np.asarray(t)))

    rows_n3 = tracked(lambda t: body(100, 100, float(place(t))), fps, ANKLE)
    seen_n = rows_n3[:, 2] - body(100, 100)[ANKLE, 0]
    lags_s = np.arange(0, 0.15, 0.0005)
    errors = [np.abs(place(rows_n3[:, 0] - lag_s) - seen_n).mean() for lag_s in lags_s]
    return float(1000 * lags_s[int(np.argmin(errors))])


def tremble_share(fps: float) -> float:
    """Return the spread of the neck of somebody who stands still, as a share of the measured."""
    rng = np.random.default_rng(0)

    def noisy(_t: float) -> FloatArray:
        points_k3 = body(100, 100)
        points_k3[:, :2] += rng.normal(0, 1.2, (18, 2))
        return points_k3

    rows_n3 = tracked(noisy, fps, NECK)
    return float(rows_n3[:, 2].std() / rows_n3[:, 1].std())


def measure(*, full: bool) -> dict[str, Any]:  # noqa: ARG001 - there is no longer form of it
    """Return a frame's time by number of people, and how far smoothing lags by frame rate."""
    return {
        "ms": {str(people): frame_times(people) for people in (1, 20, 80)},
        "lag": {
            str(fps): {
                "walking_ms": walking_lag_ms(fps),
                "ankle_ms": ankle_lag_ms(fps),
                "tremble": tremble_share(fps),
            }
            for fps in (25, 10, 5)
        },
    }


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as tables."""
    rows = ["| people | ms a frame | fastest | state, bytes |", "|-|-|-|-|"]
    for people, ms in result["ms"].items():
        rows.append(f"| {people} | {shown(ms, 2)} | {ms['min']:.2f} | {ms['state_bytes']} |")
    rows += ["", "| fps | a walking body is late by | a swinging ankle | standing still trembles |"]
    rows.append("|-|-|-|-|")
    for fps, lag in result["lag"].items():
        rows.append(
            f"| {fps} | {lag['walking_ms']:.1f} ms | {lag['ankle_ms']:.1f} ms"
            f" | {lag['tremble']:.0%} |"
        )
    return rows
