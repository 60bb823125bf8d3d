"""Where tracked bodies will be, and what a sighting says about that: a Kalman filter a track.

The state along each axis is position and velocity; the velocity fades slowly (an
Ornstein-Uhlenbeck process) so that people out of sight don't run away. Noise is measured in body
heights and in continuous time, so one step of 0.3 s and three of 0.1 s predict the same. Both axes
share one covariance. Position is not stored: the key points themselves move with the body.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.skeleton import KEYPOINTS
from postprocess.grouping.kernel import kernel

if TYPE_CHECKING:
    from postprocess.tracking.options import TrackerOptions
    from postprocess.tracking.tracks import Floats, Tracks

_ANCHOR: Final = {
    "neck": 1.0,
    "shoulder": 1.0,
    "hip": 1.0,
    "nose": 0.6,
    "eye": 0.4,
    "ear": 0.4,
    "knee": 0.3,
    "elbow": 0.3,
    "ankle": 0.1,
    "wrist": 0.1,
}
ANCHOR_K: Final = np.array([_ANCHOR[name.rsplit("_", 1)[-1]] for name in KEYPOINTS], np.float32)
"""How well each key point tells where the body as a whole is: the trunk does, hands do not."""

_FRESH_S: Final = 0.5
"""A remembered key point tells less about the body the longer ago it was seen."""

_ROUNDS: Final = 3
"""How often outliers are weighed anew: more changes nothing."""

KEYPOINT_MEMORY_S: Final = 10.0
"""A key point that was not seen for longer is forgotten: bodies turn meanwhile."""


def predict(tracks: Tracks, dt_s: float, options: TrackerOptions) -> Tracks:
    """Move every body on by `dt_s` and widen what is uncertain about it."""
    keep = math.exp(-dt_s / options.velocity_decay_s)
    xy_nk2, velocity_n2, covariance_n3, age_nk = _predict(
        tracks.xy_nk2,
        tracks.velocity_n2,
        tracks.covariance_n3,
        tracks.age_nk.astype(np.float32),
        dt_s,
        keep,
        options.velocity_decay_s * (1 - keep),
        options.acceleration**2,
    )
    return replace(
        tracks,
        xy_nk2=xy_nk2,
        velocity_n2=velocity_n2,
        covariance_n3=covariance_n3,
        age_nk=age_nk.astype(np.float16),
    )


@kernel
def _predict(
    xy_nk2: Floats,
    velocity_n2: Floats,
    covariance_n3: Floats,
    age_nk: Floats,
    dt_s: float,
    keep: float,
    reach: float,
    noise: float,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Velocities are kept by the share `keep`, and carry a body `reach` seconds far."""
    moved_nk2, slowed_n2 = np.empty_like(xy_nk2), np.empty_like(velocity_n2)
    grown_n3, older_nk = np.empty_like(covariance_n3), np.empty_like(age_nk)
    for n in range(len(xy_nk2)):
        pp, pv, vv = covariance_n3[n]
        grown_n3[n, 0] = pp + 2 * reach * pv + reach * reach * vv + noise * dt_s**3 / 3
        grown_n3[n, 1] = keep * (pv + reach * vv) + noise * dt_s**2 / 2
        grown_n3[n, 2] = keep * keep * vv + noise * dt_s
        for axis in range(2):
            slowed_n2[n, axis] = velocity_n2[n, axis] * keep
        for k in range(xy_nk2.shape[1]):
            for axis in range(2):
                moved_nk2[n, k, axis] = xy_nk2[n, k, axis] + velocity_n2[n, axis] * reach
            older = age_nk[n, k] + dt_s
            older_nk[n, k] = older if older <= KEYPOINT_MEMORY_S else np.inf
    return moved_nk2, slowed_n2, grown_n3, older_nk


def correct(
    tracks: Tracks,
    offset_n2: Floats,
    certainty_n: Floats,
    options: TrackerOptions,
) -> Tracks:
    """Fold in where matched bodies were seen: `offset_n2` pixels from where they were expected.

    `certainty_n` is the sum of the anchor weights behind each offset (see `body_offsets`).
    """
    xy_nk2, velocity_n2, covariance_n3 = _correct(
        tracks.xy_nk2,
        tracks.velocity_n2,
        tracks.covariance_n3,
        offset_n2,
        certainty_n,
        options.measurement**2,
        options.few_points,
    )
    return replace(tracks, xy_nk2=xy_nk2, velocity_n2=velocity_n2, covariance_n3=covariance_n3)


@kernel
def _correct(
    xy_nk2: Floats,
    velocity_n2: Floats,
    covariance_n3: Floats,
    offset_n2: Floats,
    certainty_n: Floats,
    noise: float,
    few_points: float,
) -> tuple[Floats, Floats, Floats]:
    moved_nk2, turned_n2 = np.empty_like(xy_nk2), np.empty_like(velocity_n2)
    surer_n3 = np.empty_like(covariance_n3)
    for n in range(len(xy_nk2)):
        pp, pv, vv = covariance_n3[n]
        whole = pp + noise * (1 + few_points / max(certainty_n[n], 0.1) ** 2)
        gain_p, gain_v = pp / whole, pv / whole
        surer_n3[n, 0], surer_n3[n, 1] = (1 - gain_p) * pp, (1 - gain_p) * pv
        surer_n3[n, 2] = vv - gain_v * pv
        for axis in range(2):
            turned_n2[n, axis] = velocity_n2[n, axis] + gain_v * offset_n2[n, axis]
        for k in range(xy_nk2.shape[1]):
            for axis in range(2):
                moved_nk2[n, k, axis] = xy_nk2[n, k, axis] + gain_p * offset_n2[n, axis]
    return moved_nk2, turned_n2, surer_n3


def body_offsets(
    tracks: Tracks, keypoints_nk3: Floats, options: TrackerOptions
) -> tuple[Floats, Floats]:
    """Return how far each body was seen from its prediction (n, 2), and how certain that is (n,).

    The weighted mean over key points that both have, robust (Cauchy weights): where grouping gave
    somebody a neighbour's arm, that arm must not pull the body along. Row i of both arguments is
    one match. Without a common key point the certainty is 0 and the offset is that of the middles.
    """
    return _offsets(
        tracks.xy_nk2,
        tracks.age_nk.astype(np.float32),
        tracks.height_n,
        keypoints_nk3,
        ANCHOR_K,
        options.outlier,
    )


@kernel
def _offsets(
    xy_nk2: Floats,
    age_nk: Floats,
    height_n: Floats,
    keypoints_nk3: Floats,
    anchor_k: Floats,
    outlier: float,
) -> tuple[Floats, Floats]:
    offset_n2 = np.empty((len(xy_nk2), 2), np.float32)
    certainty_n = np.empty(len(xy_nk2), np.float32)
    weight_k, trusted_k = np.empty_like(anchor_k), np.empty_like(anchor_k)
    for n in range(len(xy_nk2)):
        xy_k2, point_k3, away_px = xy_nk2[n], keypoints_nk3[n], outlier * height_n[n]
        for k in range(len(anchor_k)):
            is_common = point_k3[k, 2] > 0 and age_nk[n, k] < np.inf
            weight_k[k] = anchor_k[k] * np.exp(-age_nk[n, k] / _FRESH_S) if is_common else 0
        trusted_k[:] = weight_k
        x, y, certainty = _mean_offset(xy_k2, point_k3, trusted_k)
        for _ in range(_ROUNDS):
            for k in range(len(anchor_k)):
                dx = (point_k3[k, 0] - xy_k2[k, 0] - x) / away_px
                dy = (point_k3[k, 1] - xy_k2[k, 1] - y) / away_px
                trusted_k[k] = weight_k[k] / (1 + dx * dx + dy * dy)
            x, y, certainty = _mean_offset(xy_k2, point_k3, trusted_k)
        if certainty <= 0:
            x, y = _middle_offset(xy_k2, age_nk[n], point_k3)
        offset_n2[n, 0], offset_n2[n, 1], certainty_n[n] = x, y, certainty
    return offset_n2, certainty_n


@kernel
def _mean_offset(xy_k2: Floats, point_k3: Floats, weight_k: Floats) -> tuple[float, float, float]:
    """Return the weighted mean of what key points are away from where they were, and all weight."""
    x, y, total = 0.0, 0.0, 0.0
    for k in range(len(weight_k)):
        x += weight_k[k] * (point_k3[k, 0] - xy_k2[k, 0])
        y += weight_k[k] * (point_k3[k, 1] - xy_k2[k, 1])
        total += weight_k[k]
    return x / max(total, 1e-6), y / max(total, 1e-6), total


@kernel
def _middle_offset(xy_k2: Floats, age_k: Floats, point_k3: Floats) -> tuple[float, float]:
    """Return how far the middle of the key points seen is from that of those remembered."""
    seen, seen_x, seen_y = 0, 0.0, 0.0
    known, known_x, known_y = 0, 0.0, 0.0
    for k in range(len(age_k)):
        if point_k3[k, 2] > 0:
            seen, seen_x, seen_y = seen + 1, seen_x + point_k3[k, 0], seen_y + point_k3[k, 1]
        if age_k[k] < np.inf:
            known, known_x, known_y = known + 1, known_x + xy_k2[k, 0], known_y + xy_k2[k, 1]
    seen, known = max(seen, 1), max(known, 1)
    return seen_x / seen - known_x / known, seen_y / seen - known_y / known
