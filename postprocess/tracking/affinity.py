"""How alike tracks and people are, 0 to 1: object key point similarity, helped by box overlap.

OKS is COCO's, wider for limbs that were not seen for a while (they swing), and one of two kinds:

- *expected*: the mean of OKS over all places where the body may be by now. It falls with doubt, so
  a track lost for a second never outbids one that was seen a moment ago.
- *possible*: the distance judged by that doubt alone. It stays high over the whole region that a
  lost track may have reached, and decides who of the people left over is a lost one coming back.
  Who stands at the picture's edge is more likely a newcomer, and is judged as expected only.

Shape legend: as in tracks.py; np = every track with every person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ghostpose.skeleton import OKS_SIGMAS
from postprocess.grouping.body import body_boxes
from postprocess.grouping.kernel import kernel

if TYPE_CHECKING:
    from postprocess.tracking.options import TrackerOptions
    from postprocess.tracking.tracks import Doubles, Floats, Longs, Sightings, Tracks

Size = tuple[int, int]
"""A picture's width and height in pixels."""

_TWO_SIGMA_K: Final = 2 * np.maximum(np.array(OKS_SIGMAS, np.float32), np.float32(0.05))
"""COCO's k_i, but no finer than 0.05: on small people eyes and ears are found no better."""

_SIZE_SPREAD: Final = 0.5
"""Spread of the logarithm of a body's measured height: half a person is measured badly."""

_FAR: Final = 30.0
"""Half of a squared distance, in variances, beyond which exp() of it is nothing: most pairs."""


class Affinity(NamedTuple):
    """Both kinds, (n, p) in 0..1: predicted tracks with people."""

    expected_np: Floats
    possible_np: Floats


def track_boxes(tracks: Tracks) -> Floats:
    """Return the body box (n, 4) of each track where it is believed to be."""
    remembered_nk3 = _remembered(tracks.xy_nk2, tracks.age_nk.astype(np.float32))
    return body_boxes(remembered_nk3, tracks.height_n)


def affinities(
    tracks: Tracks, box_n4: Floats, seen: Sightings, size: Size | None, options: TrackerOptions
) -> Affinity:
    """Return how alike predicted tracks, which fill these boxes, and people are.

    In a picture of `size`, if it is known.
    """
    width, height = size or (0, 0)
    expected_np, possible_np = _affinities(
        tracks.xy_nk2,
        tracks.age_nk.astype(np.float32),
        tracks.covariance_n3,
        tracks.height_n,
        box_n4,
        seen.keypoints_pk3,
        seen.height_p,
        seen.box_p4,
        _TWO_SIGMA_K,
        options.oks_scale,
        options.limb_swing,
        options.box_weight,
        width,
        height,
        options.whole_share if size else 0.0,
    )
    return Affinity(expected_np, possible_np)


def crowding(tracks: Tracks, box_n4: Floats, since: float) -> Floats:
    """Return how much each track's body is covered by another's (n,): the largest overlap, 0..1.

    Others count if they were seen at or after media time `since`: those that may be confused now.
    """
    return _crowding(box_n4, tracks.number_n, tracks.seen_at_n, since)


def shares_inside(box_n4: Floats, size: Size) -> Floats:
    """Return which share of each box is inside a picture of `size` (n,)."""
    return _shares_inside(box_n4, *size)


@kernel
def _remembered(xy_nk2: Floats, age_nk: Floats) -> Floats:
    """Return the key points that were ever seen (n, k, 3), with a score of 1."""
    remembered_nk3 = np.zeros((len(xy_nk2), xy_nk2.shape[1], 3), np.float32)
    for n in range(len(xy_nk2)):
        for k in range(xy_nk2.shape[1]):
            if age_nk[n, k] < np.inf:
                remembered_nk3[n, k, 0] = xy_nk2[n, k, 0]
                remembered_nk3[n, k, 1] = xy_nk2[n, k, 1]
                remembered_nk3[n, k, 2] = 1
    return remembered_nk3


@kernel
def _affinities(
    xy_nk2: Floats,
    age_nk: Floats,
    covariance_n3: Floats,
    height_n: Floats,
    box_n4: Floats,
    keypoints_pk3: Floats,
    height_p: Floats,
    box_p4: Floats,
    two_sigma_k: Floats,
    oks_scale: float,
    limb_swing: float,
    box_weight: float,
    width: int,
    height: int,
    whole_share: float,
) -> tuple[Floats, Floats]:
    shape = (len(xy_nk2), len(keypoints_pk3))
    expected_np, possible_np = np.empty(shape, np.float32), np.empty(shape, np.float32)
    own_k = np.empty(len(two_sigma_k))
    for n in range(shape[0]):
        area = height_n[n] * height_n[n]
        for k in range(len(own_k)):
            swing = 1 + limb_swing * min(age_nk[n, k], 1)
            own_k[k] = area * (oks_scale * two_sigma_k[k] * swing) ** 2
        for p in range(shape[1]):
            expected, possible, shared = _oks_sums(
                xy_nk2[n], age_nk[n], own_k, covariance_n3[n, 0] * area, keypoints_pk3[p]
            )
            overlap = box_weight * _iou(box_n4[n], box_p4[p])
            ratio = np.log(height_n[n] / height_p[p]) / _SIZE_SPREAD
            alike = np.exp(-ratio * ratio / 2) / (shared + box_weight)
            expected_np[n, p] = (expected + overlap) * alike
            possible_np[n, p] = (possible + overlap) * alike
    for p in range(shape[1]):
        if _share_inside(box_p4[p], width, height) < whole_share:
            possible_np[:, p] = expected_np[:, p]
    return expected_np, possible_np


@kernel
def _oks_sums(
    xy_k2: Floats, age_k: Floats, own_k: Doubles, body: float, point_k3: Floats
) -> tuple[float, float, int]:
    """Return the sums of both kinds' terms over shared key points, and how many those are.

    The mean of exp(-d2 / 2a) over a Gaussian of variance b along each axis is
    a / (a + b) * exp(-d2 / 2(a + b)). Here a is each key point's own variance, b its body's.
    """
    expected, possible, shared = 0.0, 0.0, 0
    for k in range(len(age_k)):
        if age_k[k] == np.inf or point_k3[k, 2] <= 0:
            continue
        shared += 1
        dx, dy = xy_k2[k, 0] - point_k3[k, 0], xy_k2[k, 1] - point_k3[k, 1]
        total = own_k[k] + body
        away = (dx * dx + dy * dy) / (2 * total)
        if away < _FAR:
            term = np.exp(-away)
            expected += term * own_k[k] / total
            possible += term
    return expected, possible, shared


@kernel
def _crowding(box_n4: Floats, number_n: Longs, seen_at_n: Doubles, since: float) -> Floats:
    crowded_n = np.zeros(len(box_n4), np.float32)
    for other in range(len(box_n4)):
        if number_n[other] == 0 or seen_at_n[other] < since:
            continue
        for n in range(len(box_n4)):
            if n != other:
                crowded_n[n] = max(crowded_n[n], _iou(box_n4[n], box_n4[other]))
    return crowded_n


@kernel
def _iou(first_4: Floats, second_4: Floats) -> float:
    width = min(first_4[2], second_4[2]) - max(first_4[0], second_4[0])
    height = min(first_4[3], second_4[3]) - max(first_4[1], second_4[1])
    if width <= 0 or height <= 0:
        return 0.0
    first = (first_4[2] - first_4[0]) * (first_4[3] - first_4[1])
    second = (second_4[2] - second_4[0]) * (second_4[3] - second_4[1])
    return float(width * height / (first + second - width * height))


@kernel
def _shares_inside(box_n4: Floats, width: int, height: int) -> Floats:
    share_n = np.empty(len(box_n4), np.float32)
    for n in range(len(box_n4)):
        share_n[n] = _share_inside(box_n4[n], width, height)
    return share_n


@kernel
def _share_inside(box_4: Floats, width: int, height: int) -> float:
    whole = (box_4[2] - box_4[0]) * (box_4[3] - box_4[1])
    across = min(max(box_4[2], 0), width) - min(max(box_4[0], 0), width)
    down = min(max(box_4[3], 0), height) - min(max(box_4[1], 0), height)
    return float(across * down / max(whole, 1e-6))
