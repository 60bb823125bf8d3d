"""The classic way from maps to people, for comparison: plain Python, as it is usually described.

Maps are made four times as large by cubic interpolation; of each key point's map the cells
above a threshold that exceed their four neighbours are candidates, and of candidates closer than 6
cells the first stays; each limb's candidates are joined in pairs, ten samples of its field along a
pair must mostly agree, and the best pairs are taken greedily; limbs are put together into people,
one after the other, in a list of rows. Written from that description alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ghostpose.skeleton import LIMBS, NUM_KEYPOINTS

if TYPE_CHECKING:
    from ghostpose.types import FloatArray, Maps

UPSAMPLING = 4
THRESHOLD = 0.1
NEAREST = 6.0
SAMPLES = 10
SAMPLE_THRESHOLD = 0.05
SAMPLES_THAT_AGREE = 0.8
MIN_KEYPOINTS = 3
MIN_SCORE = 0.2

Candidate = tuple[float, float, float, int]
"""x, y, score, and its number among the candidates of all key points."""

Person = dict[int, Candidate]
"""Key point -> candidate."""


def group_classically(maps: Maps) -> list[Person]:
    """Return the people in a picture's maps; places are in cells of the enlarged maps."""
    pcm_hwc, paf_hwc = enlarged(maps.pcm_chw), enlarged(maps.paf_chw)
    by_keypoint = all_candidates(pcm_hwc)
    people: list[Person] = []
    for limb in LIMBS:
        field_hw2 = paf_hwc[:, :, (limb.paf_x, limb.paf_y)]
        pairs = scored_pairs(by_keypoint[limb.start], by_keypoint[limb.end], field_hw2)
        for start, end in greedily(pairs):
            put_together(people, limb.start, start, limb.end, end)
    return [person for person in people if is_whole(person)]


def enlarged(maps_chw: FloatArray) -> FloatArray:
    """(c, h, w) -> (4h, 4w, c)."""
    maps_hwc = np.ascontiguousarray(maps_chw.transpose(1, 2, 0))
    size = (maps_hwc.shape[1] * UPSAMPLING, maps_hwc.shape[0] * UPSAMPLING)
    return np.asarray(cv2.resize(maps_hwc, size, interpolation=cv2.INTER_CUBIC), np.float32)


def all_candidates(pcm_hwc: FloatArray) -> list[list[Candidate]]:
    """Return the candidates of each key point."""
    found: list[list[Candidate]] = []
    number = 0
    for keypoint in range(NUM_KEYPOINTS):
        candidates = []
        for x, y, score in peaks(pcm_hwc[:, :, keypoint]):
            candidates.append((x, y, score, number))
            number += 1
        found.append(candidates)
    return found


def peaks(map_hw: FloatArray) -> list[tuple[float, float, float]]:
    """Return x, y and value of cells above the threshold and their four neighbours."""
    padded_hw = np.pad(np.where(map_hw > THRESHOLD, map_hw, 0), 1)
    middle_hw = padded_hw[1:-1, 1:-1]
    higher_hw = (
        (middle_hw > padded_hw[1:-1, :-2])
        & (middle_hw > padded_hw[1:-1, 2:])
        & (middle_hw > padded_hw[:-2, 1:-1])
        & (middle_hw > padded_hw[2:, 1:-1])
    )
    rows, columns = np.nonzero(higher_hw)
    kept: list[tuple[float, float, float]] = []
    for x, y in sorted(zip(columns.tolist(), rows.tolist(), strict=True)):
        if all(math.hypot(x - other[0], y - other[1]) >= NEAREST for other in kept):
            kept.append((x, y, float(map_hw[y, x])))
    return kept


def scored_pairs(
    starts: list[Candidate], ends: list[Candidate], field_hw2: FloatArray
) -> list[tuple[float, Candidate, Candidate]]:
    """Return all pairs along which the field agrees, with their scores: the field's mean there."""
    if not starts or not ends:
        return []
    start_a12 = np.array([start[:2] for start in starts])[:, None]
    way_ab2 = np.array([end[:2] for end in ends])[None] - start_a12
    along_ab2 = way_ab2 / np.maximum(np.linalg.norm(way_ab2, axis=-1, keepdims=True), 1e-9)
    shares_s1 = np.linspace(0, 1, SAMPLES)[:, None]
    place_abs2 = np.rint(start_a12[:, :, None] + way_ab2[:, :, None] * shares_s1).astype(int)
    field_abs2 = field_hw2[place_abs2[..., 1], place_abs2[..., 0]]
    agreement_abs = (field_abs2 * along_ab2[:, :, None]).sum(-1)
    agrees_abs = agreement_abs > SAMPLE_THRESHOLD
    count_ab = agrees_abs.sum(-1)
    mean_ab = (agreement_abs * agrees_abs).sum(-1) / np.maximum(count_ab, 1)
    good_ab = count_ab > SAMPLES_THAT_AGREE * SAMPLES
    return [(float(mean_ab[a, b]), starts[a], ends[b]) for a, b in np.argwhere(good_ab)]


def greedily(
    pairs: list[tuple[float, Candidate, Candidate]],
) -> list[tuple[Candidate, Candidate]]:
    """Return the best pairs first, each candidate in at most one."""
    chosen, taken_starts, taken_ends = [], set[int](), set[int]()
    for _, start, end in sorted(pairs, key=lambda pair: pair[0], reverse=True):
        if start[3] not in taken_starts and end[3] not in taken_ends:
            chosen.append((start, end))
            taken_starts.add(start[3])
            taken_ends.add(end[3])
    return chosen


def put_together(
    people: list[Person], from_: int, start: Candidate, to: int, end: Candidate
) -> None:
    """Add a limb to whoever has one of its ends; join two who each have one; else begin anew."""
    having = [
        person
        for person in people
        if person.get(from_, (0, 0, 0, -1))[3] == start[3]
        or person.get(to, (0, 0, 0, -1))[3] == end[3]
    ]
    if len(having) >= 2 and not having[0].keys() & having[1].keys():
        having[0].update(having[1])
        people.remove(having[1])
    elif having:
        having[0][from_], having[0][to] = start, end
    else:
        people.append({from_: start, to: end})


def is_whole(person: Person) -> bool:
    """Return whether somebody has enough key points, and good enough ones."""
    mean = sum(candidate[2] for candidate in person.values()) / len(person)
    return len(person) >= MIN_KEYPOINTS and mean >= MIN_SCORE
