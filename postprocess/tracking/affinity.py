"""How alike tracks and people are, 0 to 1: object key point similarity, helped by box overlap.

OKS is COCO's, wider for limbs that were not seen for a while (they swing), and one of two kinds:

- *expected*: the mean of OKS over all places where the body may be by now. It falls with doubt, so
  a track lost for a second never outbids one that was seen a moment ago.
- *possible*: the distance judged by that doubt alone. It stays high over the whole region that a
  lost track may have reached, and decides who of the people left over is a lost one coming back.

Shape legend: as in tracks.py; np = every track with every person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ghostpose.skeleton import OKS_SIGMAS
from postprocess.grouping.body import body_boxes

if TYPE_CHECKING:
    from postprocess.tracking.options import TrackerOptions
    from postprocess.tracking.tracks import Floats, Sightings, Tracks

_TWO_SIGMA_K: Final = 2 * np.maximum(np.array(OKS_SIGMAS, np.float32), np.float32(0.05))
"""COCO's k_i, but no finer than 0.05: on small people eyes and ears are found no better."""

_SIZE_SPREAD: Final = 0.5
"""Spread of the logarithm of a body's measured height: half a person is measured badly."""


class Affinity(NamedTuple):
    """Both kinds, (n, p) in 0..1: predicted tracks with people."""

    expected_np: Floats
    possible_np: Floats


def affinities(tracks: Tracks, seen: Sightings, options: TrackerOptions) -> Affinity:
    """Return how alike predicted tracks and people are."""
    if not len(tracks) or not len(seen):
        nothing = np.zeros((len(tracks), len(seen)), np.float32)
        return Affinity(nothing, nothing)
    expected_np, possible_np, shared_np = _oks_sums(tracks, seen, options)
    weight = np.float32(options.box_weight)
    overlap_np = weight * _iou(track_boxes(tracks), seen.box_p4)
    ratio_np = np.log(tracks.height_n[:, None] / seen.height_p[None, :])
    alike_np = np.exp(-((ratio_np / np.float32(_SIZE_SPREAD)) ** 2) / 2) / (shared_np + weight)
    return Affinity((expected_np + overlap_np) * alike_np, (possible_np + overlap_np) * alike_np)


def _oks_sums(
    tracks: Tracks, seen: Sightings, options: TrackerOptions
) -> tuple[Floats, Floats, Floats]:
    """Return the sums of both kinds' terms over shared key points, and how many those are (n, p).

    The mean of exp(-d2 / 2a) over a Gaussian of variance b along each axis is
    a / (a + b) * exp(-d2 / 2(a + b)).
    """
    known_nk = np.isfinite(tracks.age_nk)
    both_npk = known_nk[:, None, :] & (seen.keypoints_pk3[None, ..., 2] > 0)
    dx_npk = tracks.xy_nk2[:, None, :, 0] - seen.keypoints_pk3[None, ..., 0]
    dy_npk = tracks.xy_nk2[:, None, :, 1] - seen.keypoints_pk3[None, ..., 1]
    distance2_npk = dx_npk * dx_npk + dy_npk * dy_npk
    own_nk, body_n1 = _variances(tracks, options)
    total_nk = own_nk + body_n1
    term_npk = np.where(both_npk, np.exp(-distance2_npk / (2 * total_nk[:, None])), np.float32(0))
    belief_nk = own_nk / total_nk
    return (term_npk * belief_nk[:, None]).sum(-1), term_npk.sum(-1), both_npk.sum(-1)


def _variances(tracks: Tracks, options: TrackerOptions) -> tuple[Floats, Floats]:
    """Return each key point's own variance (n, k) and its body's (n, 1), in square pixels."""
    age_nk = np.where(np.isfinite(tracks.age_nk), tracks.age_nk, np.float16(0)).astype(np.float32)
    swing_nk = 1 + np.float32(options.limb_swing) * np.minimum(age_nk, np.float32(1))
    own_nk = np.float32(options.oks_scale) * _TWO_SIGMA_K * swing_nk
    area_n1 = tracks.height_n[:, None] ** 2
    return own_nk**2 * area_n1, tracks.covariance_n3[:, :1] * area_n1


def track_boxes(tracks: Tracks) -> Floats:
    """Return the body box (n, 4) of each track where it is believed to be."""
    known_nk1 = np.isfinite(tracks.age_nk)[..., None].astype(np.float32)
    remembered_nk3 = np.concatenate([tracks.xy_nk2 * known_nk1, known_nk1], axis=2)
    return body_boxes(remembered_nk3, tracks.height_n)


def _iou(first_n4: Floats, second_p4: Floats) -> Floats:
    low = np.maximum(first_n4[:, None, :2], second_p4[None, :, :2])
    high = np.minimum(first_n4[:, None, 2:], second_p4[None, :, 2:])
    common = np.maximum(high - low, 0).prod(-1)
    first_n = (first_n4[:, 2:] - first_n4[:, :2]).prod(-1)
    second_p = (second_p4[:, 2:] - second_p4[:, :2]).prod(-1)
    union = np.maximum(first_n[:, None] + second_p[None, :] - common, np.float32(1e-6))
    overlap: Floats = (common / union).astype(np.float32)
    return overlap
