"""Packed key points: small, exact enough, and safe against other bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.errors import DecodeError
from postprocess.store.keypoints import pack_keypoints, unpack_all, unpack_keypoints


def keypoints(rng: np.random.Generator) -> np.ndarray:
    points = rng.uniform(-10, 16_000, (18, 3)).astype(np.float32)
    points[:, 2] = rng.uniform(0.001, 1, 18)
    points[rng.random(18) < 0.3] = 0
    return points


@given(st.integers(0, 2**32 - 1))
def test_what_comes_back_is_what_went_in_to_an_eighth_of_a_pixel(seed: int):
    before = keypoints(np.random.default_rng(seed))
    after = unpack_keypoints(pack_keypoints(before))
    assert ((after[:, 2] > 0) == (before[:, 2] > 0)).all()
    assert np.abs(after[:, :2] - before[:, :2]).max() <= 0.126
    assert np.abs(after[:, 2] - before[:, 2]).max() <= 0.004


@pytest.mark.parametrize(("count", "size"), [(0, 3), (1, 8), (14, 73), (18, 93)])
def test_five_bytes_a_key_point_and_three_more(count: int, size: int):
    points = np.zeros((18, 3), np.float32)
    points[:count] = (100, 200, 0.5)
    assert len(pack_keypoints(points)) == size


def test_a_key_point_far_outside_stops_at_the_edge():
    points = np.zeros((18, 3), np.float32)
    points[0] = (-500, 1e6, 0.5)
    assert unpack_keypoints(pack_keypoints(points))[0, :2].tolist() == [-16.0, 16_367.75]


def test_many_together_are_as_one_by_one():
    packed = [pack_keypoints(keypoints(np.random.default_rng(seed))) for seed in range(20)]
    packed[3] = pack_keypoints(np.zeros((18, 3), np.float32))
    assert (unpack_all(packed) == [unpack_keypoints(one) for one in packed]).all()
    assert unpack_all([]).shape == (0, 18, 3)
    with pytest.raises(DecodeError, match="got 4"):
        unpack_all([*packed, packed[0][:4]])


@given(st.binary(max_size=120))
def test_any_bytes_are_key_points_or_refused(data: bytes):
    try:
        points = unpack_keypoints(data)
    except DecodeError:
        return
    assert pack_keypoints(points) == data
