"""One-Euro smoothing of key points in the frame of their moving body, in continuous time.

Casiez, Roussel and Vogel, "1 Euro Filter" (CHI 2012): a low-pass whose cut-off rises with speed, so
that a still joint doesn't tremble and a fast one doesn't lag. Speed here is relative to the body
and in body heights: walking itself causes no lag at all, and people far away are treated alike.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from postprocess.grouping.kernel import kernel

if TYPE_CHECKING:
    from postprocess.tracking.options import TrackerOptions
    from postprocess.tracking.tracks import Floats, Tracks

_LARGEST_HALF: Final = float(np.finfo(np.float16).max)


def smooth(tracks: Tracks, keypoints_nk3: Floats, dt_s: float, options: TrackerOptions) -> Tracks:
    """Return the tracks with the sighted key points blended in; row i of both is one match.

    `tracks` are already moved to where their bodies are. A key point that was not remembered for
    `smoothing_memory_s` is taken as it was seen; one that isn't seen moves along with its body.
    """
    xy_nk2, slope_nk2, age_nk = _smooth(
        tracks.xy_nk2,
        tracks.slope_nk2.astype(np.float32),
        tracks.age_nk.astype(np.float32),
        tracks.height_n,
        keypoints_nk3,
        dt_s,
        options.smoothing_memory_s,
        options.slope_cutoff_hz,
        options.min_cutoff_hz,
        options.speed_cutoff,
    )
    return replace(
        tracks,
        xy_nk2=xy_nk2,
        slope_nk2=slope_nk2.astype(np.float16),
        age_nk=age_nk.astype(np.float16),
    )


@kernel
def _smooth(
    xy_nk2: Floats,
    slope_nk2: Floats,
    age_nk: Floats,
    height_n: Floats,
    keypoints_nk3: Floats,
    dt_s: float,
    memory_s: float,
    slope_cutoff_hz: float,
    min_cutoff_hz: float,
    speed_cutoff: float,
) -> tuple[Floats, Floats, Floats]:
    smoothed_nk2, changed_nk2 = xy_nk2.copy(), np.zeros_like(slope_nk2)
    aged_nk, blend = age_nk.copy(), _alpha(slope_cutoff_hz, dt_s)
    for n in range(len(xy_nk2)):
        for k in range(xy_nk2.shape[1]):
            if keypoints_nk3[n, k, 2] <= 0:
                continue
            aged_nk[n, k] = 0
            x, y = keypoints_nk3[n, k, 0], keypoints_nk3[n, k, 1]
            if age_nk[n, k] > memory_s:
                smoothed_nk2[n, k, 0], smoothed_nk2[n, k, 1] = x, y
                continue
            dx, dy = x - xy_nk2[n, k, 0], y - xy_nk2[n, k, 1]
            vx = slope_nk2[n, k, 0] + blend * (dx / dt_s - slope_nk2[n, k, 0])
            vy = slope_nk2[n, k, 1] + blend * (dy / dt_s - slope_nk2[n, k, 1])
            speed = np.hypot(vx, vy) / height_n[n]
            gain = _alpha(min_cutoff_hz + speed_cutoff * speed, dt_s)
            smoothed_nk2[n, k, 0] += gain * dx
            smoothed_nk2[n, k, 1] += gain * dy
            changed_nk2[n, k, 0] = min(max(vx, -_LARGEST_HALF), _LARGEST_HALF)
            changed_nk2[n, k, 1] = min(max(vy, -_LARGEST_HALF), _LARGEST_HALF)
    return smoothed_nk2, changed_nk2, aged_nk


@kernel
def _alpha(cutoff_hz: float, dt_s: float) -> float:
    """Return the blend of a first-order low-pass after `dt_s` (formulas 3 and 4 of the paper)."""
    ratio = 2 * np.pi * dt_s * cutoff_hz
    return float(ratio / (1 + ratio))
