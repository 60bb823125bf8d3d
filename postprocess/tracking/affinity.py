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
    from numpy.typing import NDArray

    from postprocess.tracking.options import TrackerOptions
    from postprocess.tracking.tracks import Floats, Sightings, Tracks

Size = tuple[int, int]
"""A picture's width and height in pixels."""

_TWO_SIGMA_K: Final = 2 * np.maximum(np.array(OKS_SIGMAS, np.float32), np.float32(0.05))
"""COCO's k_i, but no finer than 0.05: on small people eyes and ears are found no better."""

_SIZE_SPREAD: Final = 0.5
"""Spread of the logarithm of a body's measured height: half a person is measured badly."""


class Affinity(NamedTuple):
    """Both kinds, (n, p) in 0..1: predicted tracks with people."""

    expected_np: Floats
    possible_np: Floats


def affinities(
    tracks: Tracks, seen: Sightings, size: Size | None, options: TrackerOptions
) -> Affinity:
    """Return how alike predicted tracks and people are, in a picture of `size` if it is known."""
    own_nk, body_n = _variances(tracks, options)
    known_nk = np.isfinite(tracks.age_nk)
    expected_np, possible_np, shared_np = _oks_sums(
        tracks.xy_nk2, known_nk, own_nk, body_n, seen.keypoints_pk3
    )
    weight = np.float32(options.box_weight)
    overlap_np = weight * _iou(track_boxes(tracks), seen.box_p4)
    ratio_np = np.log(tracks.height_n[:, None] / seen.height_p[None, :])
    alike_np = np.exp(-((ratio_np / np.float32(_SIZE_SPREAD)) ** 2) / 2) / (shared_np + weight)
    expected_np = (expected_np + overlap_np) * alike_np
    possible_np = (possible_np + overlap_np) * alike_np
    if size is not None:
        whole_p = shares_inside(seen.box_p4, size) >= options.whole_share
        possible_np = np.where(whole_p, possible_np, expected_np)
    return Affinity(expected_np, possible_np)


def crowding(tracks: Tracks, since: float) -> Floats:
    """Return how much each track's body is covered by another's (n,): the largest overlap, 0..1.

    Others count if they were seen at or after media time `since`: those that may be confused now.
    """
    box_n4 = track_boxes(tracks)
    overlap_nn = _iou(box_n4, box_n4)
    np.fill_diagonal(overlap_nn, 0)
    overlap_nn[:, (tracks.number_n == 0) | (tracks.seen_at_n < since)] = 0
    crowded_n: Floats = overlap_nn.max(1, initial=0)
    return crowded_n


def _variances(tracks: Tracks, options: TrackerOptions) -> tuple[Floats, Floats]:
    """Return each key point's own variance (n, k) and its body's (n,), in square pixels."""
    age_nk = np.where(np.isfinite(tracks.age_nk), tracks.age_nk, np.float16(0)).astype(np.float32)
    swing_nk = 1 + np.float32(options.limb_swing) * np.minimum(age_nk, np.float32(1))
    own_nk = np.float32(options.oks_scale) * _TWO_SIGMA_K * swing_nk
    area_n = tracks.height_n**2
    return own_nk**2 * area_n[:, None], tracks.covariance_n3[:, 0] * area_n


@kernel
def _oks_sums(
    xy_nk2: Floats,
    known_nk: NDArray[np.bool_],
    own_nk: Floats,
    body_n: Floats,
    keypoints_pk3: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Return the sums of both kinds' terms over shared key points, and how many those are (n, p).

    The mean of exp(-d2 / 2a) over a Gaussian of variance b along each axis is
    a / (a + b) * exp(-d2 / 2(a + b)).
    """
    shape = (len(xy_nk2), len(keypoints_pk3))
    expected_np, possible_np = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    shared_np = np.zeros(shape, np.float32)
    for n in range(shape[0]):
        for p in range(shape[1]):
            for k in range(xy_nk2.shape[1]):
                if not known_nk[n, k] or keypoints_pk3[p, k, 2] <= 0:
                    continue
                dx = xy_nk2[n, k, 0] - keypoints_pk3[p, k, 0]
                dy = xy_nk2[n, k, 1] - keypoints_pk3[p, k, 1]
                total = own_nk[n, k] + body_n[n]
                term = np.exp(-(dx * dx + dy * dy) / (2 * total))
                expected_np[n, p] += term * own_nk[n, k] / total
                possible_np[n, p] += term
                shared_np[n, p] += 1
    return expected_np, possible_np, shared_np


def track_boxes(tracks: Tracks) -> Floats:
    """Return the body box (n, 4) of each track where it is believed to be."""
    known_nk1 = np.isfinite(tracks.age_nk)[..., None].astype(np.float32)
    remembered_nk3 = np.concatenate([tracks.xy_nk2 * known_nk1, known_nk1], axis=2)
    return body_boxes(remembered_nk3, tracks.height_n)


@kernel
def _iou(first_n4: Floats, second_p4: Floats) -> Floats:
    overlap_np = np.zeros((len(first_n4), len(second_p4)), np.float32)
    for n in range(len(first_n4)):
        a = first_n4[n]
        for p in range(len(second_p4)):
            b = second_p4[p]
            width = min(a[2], b[2]) - max(a[0], b[0])
            height = min(a[3], b[3]) - max(a[1], b[1])
            if width > 0 and height > 0:
                areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
                overlap_np[n, p] = width * height / (areas - width * height)
    return overlap_np


def shares_inside(box_n4: Floats, size: Size) -> Floats:
    """Return which share of each box is inside a picture of `size` (n,)."""
    inside_n4 = within(box_n4, np.array([*size, *size], np.float32))
    inside_n, whole_n = ((box[:, 2:] - box[:, :2]).prod(-1) for box in (inside_n4, box_n4))
    share_n: Floats = inside_n / np.maximum(whole_n, np.float32(1e-6))
    return share_n


def within(box_n4: Floats, most_4: Floats) -> Floats:
    """Return boxes cut off at 0 and `most_4`: np.clip in a fifth of its time."""
    cut_n4: Floats = np.minimum(np.maximum(box_n4, np.float32(0)), most_4)
    return cut_n4
