"""Step 5: which assemblies are people, and where they are in the source picture.

Shape legend: n peaks; p people; k the 18 key points; 3 = x, y, score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.errors import InvalidValueError
from ghostpose.skeleton import NUM_KEYPOINTS, NUM_LIMBS, STRIDE
from ghostpose.types import MAX_PEOPLE, Person
from postprocess.grouping.body import body_boxes, body_heights_px, within
from postprocess.grouping.kernel import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ghostpose.types import FloatArray, Placement
    from postprocess.grouping.assembly import Assembly
    from postprocess.grouping.peaks import Peaks

_CENTRE_PX: Final = np.float32((STRIDE - 1) / 2)
"""Input pixel of the centre of cell 0."""


@dataclass(frozen=True, slots=True)
class GroupedPeople:
    """The people of one picture, strongest first, in network-input pixels.

    `keypoints_pk3` is float32 (p, 18, 3), a missing key point is (0, 0, 0); `score_p` float32 0..1;
    `capped` counts what was left out because of a limit: peaks over `max_peaks`, people over
    `MAX_PEOPLE`. No limit is reached in ordinary pictures.
    """

    keypoints_pk3: FloatArray
    score_p: FloatArray
    capped: int = 0

    def __post_init__(self) -> None:
        people = len(self.keypoints_pk3)
        wanted = ((people, NUM_KEYPOINTS, 3), (people,))
        got = (self.keypoints_pk3.shape, self.score_p.shape)
        if got != wanted:
            raise InvalidValueError(f"grouped people: wanted shapes {wanted}, got {got}")


def select_people(
    peaks: Peaks, assembly: Assembly, *, min_mean_score: float, min_score: float
) -> GroupedPeople:
    """Return the assemblies whose key points' mean score and own score are at least the limits.

    A person's score is its affinity times the fourth root of the share of limbs it has: how well
    the maps agree counts most, how much of the body is seen a little. (On training pictures this
    ranks true people before false ones better than means or sums of key point scores.)
    """
    keypoints_pk3, score_p = _score(
        assembly.peak_pk,
        assembly.limbs_p,
        assembly.affinity_p,
        peaks.xy_n2 * np.float32(STRIDE) + _CENTRE_PX,
        peaks.score_n,
        NUM_LIMBS,
        min_mean_score,
        min_score,
    )
    order_p = np.argsort(-score_p, kind="stable")
    kept_p = order_p[:MAX_PEOPLE]
    return GroupedPeople(keypoints_pk3[kept_p], score_p[kept_p], len(order_p) - len(kept_p))


@kernel
def _score(
    peak_pk: NDArray[np.int32],
    limbs_p: NDArray[np.int64],
    affinity_p: FloatArray,
    xy_px_n2: FloatArray,
    score_n: FloatArray,
    limbs: int,
    min_mean_score: float,
    min_score: float,
) -> tuple[FloatArray, FloatArray]:
    """Return key points (p, k, 3) and scores of the assemblies that reach both limits."""
    keypoints_pk3 = np.zeros((peak_pk.shape[0], peak_pk.shape[1], 3), np.float32)
    score_p = np.zeros(len(peak_pk), np.float32)
    people = 0
    for p in range(len(peak_pk)):
        seen_share = np.float32(limbs_p[p] / limbs)
        score_p[people] = min(affinity_p[p] * seen_share ** np.float32(0.25), np.float32(1))
        keypoints_pk3[people] = 0
        mean_score = _gather(peak_pk[p], xy_px_n2, score_n, keypoints_pk3[people])
        if mean_score >= min_mean_score and score_p[people] >= min_score:
            people += 1
    return keypoints_pk3[:people], score_p[:people]


@kernel
def _gather(
    peak_k: NDArray[np.int32], xy_px_n2: FloatArray, score_n: FloatArray, keypoints_k3: FloatArray
) -> float:
    """Write a person's key points and return their mean score."""
    total, count = 0.0, 0
    for k in range(len(peak_k)):
        n = peak_k[k]
        if n >= 0:
            keypoints_k3[k, 0], keypoints_k3[k, 1] = xy_px_n2[n]
            keypoints_k3[k, 2] = score_n[n]
            total += score_n[n]
            count += 1
    return total / max(count, 1)


def to_people(
    grouped: GroupedPeople,
    placement: Placement,
    width: int,
    height: int,
    *,
    min_keypoints: int = 1,
) -> tuple[Person, ...]:
    """Return the people in pixels of a source picture of `width` x `height`, tracks unset.

    Key points up to one map cell outside the picture are moved to its edge: a cell that straddles
    the edge is as exact as maps are. Those further out lie in padding and are dropped, and then
    people with fewer than `min_keypoints` left. A box is that of the whole body (see `body_boxes`),
    cut off at the picture's edges.
    """
    keypoints_pk3, kept_p = _in_source(
        grouped.keypoints_pk3,
        np.array((placement.scale_x, placement.scale_y), np.float32),
        np.array((placement.left, placement.top), np.float32),
        np.array((width - 1, height - 1), np.float32),
        max(min_keypoints, 1),
    )
    box_p4 = within(body_boxes(keypoints_pk3, body_heights_px(keypoints_pk3)), (width, height))
    return tuple(
        Person(score, (left, top, right - left, bottom - top), keypoints_k3)
        for score, (left, top, right, bottom), keypoints_k3 in zip(
            grouped.score_p[kept_p].tolist(), box_p4.tolist(), keypoints_pk3, strict=True
        )
    )


@kernel
def _in_source(
    keypoints_pk3: FloatArray,
    scale_2: FloatArray,
    offset_2: FloatArray,
    limit_2: FloatArray,
    min_keypoints: int,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return key points in source pixels of those who keep enough of them, and who these are."""
    placed_pk3 = np.zeros_like(keypoints_pk3)
    kept_p = np.zeros(len(keypoints_pk3), np.bool_)
    people = 0
    for p in range(len(keypoints_pk3)):
        placed_pk3[people] = 0
        if _place(keypoints_pk3[p], scale_2, offset_2, limit_2, placed_pk3[people]) < min_keypoints:
            continue
        kept_p[p] = True
        people += 1
    return placed_pk3[:people], kept_p


@kernel
def _place(
    point_k3: FloatArray,
    scale_2: FloatArray,
    offset_2: FloatArray,
    limit_2: FloatArray,
    placed_k3: FloatArray,
) -> int:
    """Write a person's key points that lie in the picture or by its edge; return how many."""
    count, half, slack_x, slack_y = 0, np.float32(0.5), scale_2[0] * STRIDE, scale_2[1] * STRIDE
    for k in range(len(point_k3)):
        x = (point_k3[k, 0] + half) * scale_2[0] - half + offset_2[0]
        y = (point_k3[k, 1] + half) * scale_2[1] - half + offset_2[1]
        beside_x = x < -slack_x or x > limit_2[0] + slack_x
        if point_k3[k, 2] <= 0 or beside_x or y < -slack_y or y > limit_2[1] + slack_y:
            continue
        placed_k3[k, 0] = min(max(x, 0), limit_2[0])
        placed_k3[k, 1] = min(max(y, 0), limit_2[1])
        placed_k3[k, 2] = point_k3[k, 2]
        count += 1
    return count
