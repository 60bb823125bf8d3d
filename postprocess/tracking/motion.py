"""Where tracked bodies will be, and what a sighting says about that: a Kalman filter a track.

The state along each axis is position and velocity; the velocity fades slowly (an
Ornstein-Uhlenbeck process) so that people out of sight don't run away. Noise is measured in body
heights and in continuous time, so one step of 0.3 s and three of 0.1 s predict the same. Both axes
share one covariance. Position is not stored: the key points themselves move with the body.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.skeleton import KEYPOINTS
from postprocess.tracking.tracks import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from postprocess.tracking.options import TrackerOptions
    from postprocess.tracking.tracks import Floats, Halves, Tracks

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
    tau = options.velocity_decay_s
    keep = np.float32(np.exp(-dt_s / tau))
    reach = np.float32(tau) * (np.float32(1) - keep)
    return replace(
        tracks,
        xy_nk2=tracks.xy_nk2 + (tracks.velocity_n2 * reach)[:, None, :],
        velocity_n2=tracks.velocity_n2 * keep,
        covariance_n3=_grow(tracks.covariance_n3, float(keep), float(reach), dt_s, options),
        age_nk=_older(tracks.age_nk, dt_s),
    )


def _older(age_nk: Halves, dt_s: float) -> Halves:
    older_nk = age_nk.astype(np.float32) + np.float32(dt_s)
    return np.where(older_nk <= KEYPOINT_MEMORY_S, older_nk, NEVER).astype(np.float16)


def _grow(
    covariance_n3: Floats, keep: float, reach: float, dt_s: float, options: TrackerOptions
) -> Floats:
    pp, pv, vv = covariance_n3.T
    noise = options.acceleration**2
    grown = np.stack(
        [
            pp + 2 * reach * pv + reach * reach * vv + noise * dt_s**3 / 3,
            keep * (pv + reach * vv) + noise * dt_s**2 / 2,
            keep * keep * vv + noise * dt_s,
        ],
        axis=1,
    )
    return grown.astype(np.float32)


def correct(
    tracks: Tracks,
    offset_n2: Floats,
    certainty_n: Floats,
    options: TrackerOptions,
) -> Tracks:
    """Fold in where matched bodies were seen: `offset_n2` pixels from where they were expected.

    `certainty_n` is the sum of the anchor weights behind each offset (see `body_offsets`).
    """
    doubt_n = 1 + np.float32(options.few_points) / np.maximum(certainty_n, np.float32(0.1)) ** 2
    noise_n = np.float32(options.measurement**2) * doubt_n
    pp, pv, vv = tracks.covariance_n3.T
    gain_p, gain_v = pp / (pp + noise_n), pv / (pp + noise_n)
    covariance = np.stack([(1 - gain_p) * pp, (1 - gain_p) * pv, vv - gain_v * pv], axis=1)
    return replace(
        tracks,
        xy_nk2=(tracks.xy_nk2 + (gain_p[:, None] * offset_n2)[:, None, :]).astype(np.float32),
        velocity_n2=(tracks.velocity_n2 + gain_v[:, None] * offset_n2).astype(np.float32),
        covariance_n3=covariance.astype(np.float32),
    )


def body_offsets(
    tracks: Tracks, keypoints_nk3: Floats, options: TrackerOptions
) -> tuple[Floats, Floats]:
    """Return how far each body was seen from its prediction (n, 2), and how certain that is (n,).

    The weighted mean over key points that both have, robust (Cauchy weights): where grouping gave
    somebody a neighbour's arm, that arm must not pull the body along. Row i of both arguments is
    one match. Without a common key point the certainty is 0 and the offset is that of the middles.
    """
    seen_nk = (keypoints_nk3[..., 2] > 0) & np.isfinite(tracks.age_nk)
    age_nk = np.where(seen_nk, tracks.age_nk, np.float16(0)).astype(np.float32)
    weight_nk = np.where(seen_nk, ANCHOR_K * np.exp(-age_nk / np.float32(_FRESH_S)), np.float32(0))
    offset_nk2 = keypoints_nk3[..., :2] - tracks.xy_nk2
    outlier_n11 = (np.float32(options.outlier) * tracks.height_n)[:, None, None]
    offset_n2, trusted_nk = _weighted_mean(offset_nk2, weight_nk), weight_nk
    for _ in range(_ROUNDS):
        away_nk2 = (offset_nk2 - offset_n2[:, None]) / outlier_n11
        trusted_nk = weight_nk / (1 + (away_nk2 * away_nk2).sum(-1))
        offset_n2 = _weighted_mean(offset_nk2, trusted_nk)
    certainty_n: Floats = trusted_nk.sum(1)
    lonely_n = certainty_n <= 0
    if lonely_n.any():
        offset_n2[lonely_n] = _middle_offsets(tracks, keypoints_nk3)[lonely_n]
    return offset_n2.astype(np.float32), certainty_n


def _weighted_mean(value_nk2: Floats, weight_nk: Floats) -> Floats:
    total_n1 = np.maximum(weight_nk.sum(1, keepdims=True), np.float32(1e-6))
    mean_n2: Floats = (weight_nk[..., None] * value_nk2).sum(1) / total_n1
    return mean_n2


def _middle_offsets(tracks: Tracks, keypoints_nk3: Floats) -> Floats:
    seen_nk = keypoints_nk3[..., 2] > 0
    known_nk = np.isfinite(tracks.age_nk)
    return _middles(keypoints_nk3[..., :2], seen_nk) - _middles(tracks.xy_nk2, known_nk)


def _middles(xy_nk2: Floats, which_nk: NDArray[np.bool_]) -> Floats:
    count_n = np.maximum(which_nk.sum(1), 1)
    middle: Floats = (xy_nk2 * which_nk[..., None]).sum(1) / count_n[:, None]
    return middle.astype(np.float32)
