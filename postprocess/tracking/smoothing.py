"""One-Euro smoothing of key points in the frame of their moving body, in continuous time.

Casiez, Roussel and Vogel, "1 Euro Filter" (CHI 2012): a low-pass whose cut-off rises with speed, so
that a still joint doesn't tremble and a fast one doesn't lag. Speed here is relative to the body
and in body heights: walking itself causes no lag at all, and people far away are treated alike.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from postprocess.tracking.options import TrackerOptions
    from postprocess.tracking.tracks import Floats, Tracks


def smooth(tracks: Tracks, keypoints_nk3: Floats, dt_s: float, options: TrackerOptions) -> Tracks:
    """Return the tracks with the sighted key points blended in; row i of both is one match.

    `tracks` are already moved to where their bodies are. A key point that was not remembered for
    `smoothing_memory_s` is taken as it was seen; one that isn't seen moves along with its body.
    """
    seen_nk1 = (keypoints_nk3[..., 2] > 0)[..., None]
    known_nk1 = seen_nk1 & (tracks.age_nk <= np.float16(options.smoothing_memory_s))[..., None]
    residual_nk2 = keypoints_nk3[..., :2] - tracks.xy_nk2
    slope_nk2 = tracks.slope_nk2.astype(np.float32)
    blend = _alpha(np.float32(options.slope_cutoff_hz), dt_s)
    slope_nk2 = slope_nk2 + blend * (residual_nk2 / np.float32(dt_s) - slope_nk2)
    gain_nk1 = _gain(slope_nk2, tracks.height_n, dt_s, options)
    smoothed_nk2 = tracks.xy_nk2 + gain_nk1 * residual_nk2
    anew_nk2 = np.where(seen_nk1, keypoints_nk3[..., :2], tracks.xy_nk2)
    return replace(
        tracks,
        xy_nk2=np.where(known_nk1, smoothed_nk2, anew_nk2).astype(np.float32),
        slope_nk2=_halves(np.where(known_nk1, slope_nk2, np.float32(0))),
        age_nk=np.where(seen_nk1[..., 0], np.float16(0), tracks.age_nk),
    )


def _gain(slope_nk2: Floats, height_n: Floats, dt_s: float, options: TrackerOptions) -> Floats:
    speed_nk = np.hypot(slope_nk2[..., 0], slope_nk2[..., 1]) / height_n[:, None]
    cutoff_nk = options.min_cutoff_hz + options.speed_cutoff * speed_nk
    return _alpha(cutoff_nk.astype(np.float32), dt_s)[..., None]


def _alpha(cutoff_hz: Floats | np.float32, dt_s: float) -> Floats:
    """Return the blend of a first-order low-pass after `dt_s` (formulas 3 and 4 of the paper)."""
    ratio = np.float32(2 * np.pi * dt_s) * cutoff_hz
    alpha: Floats = np.asarray(ratio / (1 + ratio), np.float32)
    return alpha


def _halves(values: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.float16]]:
    limit = np.float32(np.finfo(np.float16).max)
    return np.clip(values, -limit, limit).astype(np.float16)
