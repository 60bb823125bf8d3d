"""Step 4: limbs joined to people."""

from __future__ import annotations

import numpy as np
import pytest

from ghostpose.skeleton import EXTRA_LIMBS, LIMBS, NUM_KEYPOINTS, NUM_LIMBS
from postprocess.grouping.assembly import Assembly, assemble
from postprocess.grouping.pair_scores import Pairs
from postprocess.grouping.peaks import Peaks

Joint = tuple[int, int, int]
"""A limb, the person its start belongs to, the person its end belongs to."""


def peaks_of(people: int) -> Peaks:
    """Return a candidate for every key point of every person; peak number = k * people + p."""
    first_c = np.arange(NUM_KEYPOINTS + 1, dtype=np.int32) * people
    count = NUM_KEYPOINTS * people
    return Peaks(first_c, np.zeros((count, 2), np.float32), np.ones(count, np.float32))


def pairs_of(people: int, joints: list[tuple[Joint, float]]) -> Pairs:
    joints = sorted(joints)
    limb_m, from_m, to_m = np.array([joint for joint, _ in joints], int).reshape(-1, 3).T
    starts, ends = np.array([(limb.start, limb.end) for limb in LIMBS]).T
    affinity_m = np.array([affinity for _, affinity in joints], np.float32)
    return Pairs(
        np.searchsorted(limb_m, np.arange(NUM_LIMBS + 1)).astype(np.int32),
        (starts[limb_m] * people + from_m).astype(np.int32),
        (ends[limb_m] * people + to_m).astype(np.int32),
        affinity_m,
        affinity_m,
    )


def assembly_of(people: int, joints: list[tuple[Joint, float]], min_keypoints: int = 2) -> Assembly:
    pairs = pairs_of(people, joints)
    everything = np.arange(len(joints), dtype=np.int32)
    return assemble(peaks_of(people), pairs, everything, min_keypoints=min_keypoints)


def owners(assembly: Assembly, people: int) -> list[list[int]]:
    """Return which person's candidate each key point of each assembly is, -1 = missing."""
    return np.where(assembly.peak_pk < 0, -1, assembly.peak_pk % people).tolist()


def whole(person: int, limbs: range | tuple[int, ...] = range(17)) -> list[tuple[Joint, float]]:
    return [((limb, person, person), 1.0) for limb in limbs]


def test_a_whole_body_is_one_person() -> None:
    assembly = assembly_of(1, whole(0, range(NUM_LIMBS)))
    assert owners(assembly, 1) == [[0] * 18]
    assert assembly.limbs_p.tolist() == [19]
    assert assembly.affinity_p.tolist() == pytest.approx([1.0])


@pytest.mark.parametrize("extra", EXTRA_LIMBS)
def test_a_limb_between_two_whole_people_overwrites_nobody(extra: int) -> None:
    assembly = assembly_of(2, [*whole(0), *whole(1), ((extra, 0, 1), 1.0)])
    assert owners(assembly, 2) == [[0] * 18, [1] * 18]
    assert assembly.limbs_p.tolist() == [17, 17]


def test_an_extra_limb_joins_a_face_to_its_body_when_the_neck_is_lost() -> None:
    face, right_arm = (13, 14, 15, 16), (2, 3)
    apart = assembly_of(1, whole(0, face + right_arm))
    assert len(apart.peak_pk) == 2
    joined = assembly_of(1, whole(0, (*face, *right_arm, EXTRA_LIMBS[0])))
    assert len(joined.peak_pk) == 1
    assert (joined.peak_pk[0] >= 0).sum() == 8


def test_of_two_limbs_that_would_merge_the_stronger_does() -> None:
    face, arm = (13, 14, 15, 16), (2, 3)
    both_faces = whole(0, face) + whole(1, face)
    joints = both_faces + whole(0, arm) + [((17, 0, 0), 0.4), ((17, 0, 1), 0.9)]
    merged = [row for row in owners(assembly_of(2, joints), 2) if row[2] == 0]
    assert len(merged) == 1
    assert merged[0][0] == 1


def test_small_groups_are_left_out() -> None:
    joints = whole(0) + whole(1, (2,))
    assert len(assembly_of(2, joints, min_keypoints=2).peak_pk) == 2
    assert len(assembly_of(2, joints, min_keypoints=3).peak_pk) == 1


def test_no_peak_is_in_two_people_whatever_is_joined() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        joints = [
            ((int(rng.integers(19)), int(rng.integers(4)), int(rng.integers(4))), rng.uniform())
            for _ in range(40)
        ]
        peak_pk = assembly_of(4, joints).peak_pk
        used = peak_pk[peak_pk >= 0]
        assert len(used) == len(set(used.tolist()))
        assert (np.where(peak_pk < 0, np.arange(18), peak_pk // 4) == np.arange(18)).all()


def test_affinity_is_that_of_the_persons_limbs_however_many() -> None:
    joints = [((limb, 0, 0), 0.9) for limb in range(4)] + [((4, 0, 0), 0.3)]
    assembly = assembly_of(1, joints)
    assert assembly.limbs_p.tolist() == [5]
    assert assembly.affinity_p.tolist() == pytest.approx([np.sqrt((4 * 0.81 + 0.09) / 5)])


def test_nothing_joined_is_nobody() -> None:
    assert assembly_of(3, []).peak_pk.shape == (0, 18)
