"""Whatever people stand there, they come back; whatever numbers come, nothing breaks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rendered_people import assert_same_people, render, standing

from ghostpose.types import Maps, Placement
from postprocess.grouping import GroupingOptions, MatchingMethod, group, to_people

METHODS = st.sampled_from(["hungarian", "greedy"])


@st.composite
def lines_of_people(draw: st.DrawFn) -> tuple[np.ndarray, int, int]:
    """Return people beside each other, limbs bent at random, and the picture's height and width."""
    count = draw(st.integers(1, 5))
    heights = draw(st.lists(st.floats(110, 300), min_size=count, max_size=count))
    seed = draw(st.integers(0, 2**32 - 1))
    shift_pk2 = np.random.default_rng(seed).uniform(-0.035, 0.035, (count, 18, 2))
    people, x = [], 12.0
    for height, shift_k2 in zip(heights, shift_pk2, strict=True):
        half = 0.22 * height
        y = draw(st.floats(12, 30))
        people.append(standing(x + half, y, height, shift_k2.astype(np.float32)))
        x += 2 * half + 30  # the same key points of neighbours are four sigmas apart
    return np.stack(people), 344, 8 * (int(x) // 8 + 2)


@settings(max_examples=60, deadline=None)
@given(
    scene=lines_of_people(),
    offset_cells=st.sampled_from([0.0, 0.4375, -0.25]),
    matching=METHODS,
    hidden=st.sets(st.sampled_from([4, 7, 10, 13, 16, 17]), max_size=4),
)
def test_rendered_people_come_back_within_a_pixel(
    scene: tuple[np.ndarray, int, int],
    offset_cells: float,
    matching: MatchingMethod,
    hidden: set[int],
) -> None:
    people, height, width = scene
    people[:, list(hidden), 2] = 0
    maps = render(people, height, width, offset_cells)
    grouped = group(maps, GroupingOptions(matching=matching))
    assert_same_people(grouped, people, within_px=1.0)
    assert grouped.capped == 0


numbers = st.one_of(
    st.sampled_from([0.0, 1.0, 0.5, np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-38]),
    st.floats(-2, 2, width=32),
)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), height=st.integers(1, 6), width=st.integers(1, 6), matching=METHODS)
def test_any_numbers_give_valid_people(
    data: st.DataObject, height: int, width: int, matching: MatchingMethod
) -> None:
    values = data.draw(arrays(np.float32, (57, height, width), elements=numbers))
    offset = data.draw(st.sampled_from([0.0, 0.4375, 16.0, -16.0]))
    options = GroupingOptions(
        matching=matching, min_keypoints=1, min_mean_score=0, min_score=0, max_peaks=9
    )
    grouped = group(Maps(values[:19], values[19:], offset), options)
    assert np.isfinite(grouped.keypoints_pk3).all()
    assert (grouped.score_p >= 0).all()
    assert (grouped.score_p <= 1).all()
    known_pk = grouped.keypoints_pk3[..., 2] > 0
    assert (known_pk.sum(axis=1) >= 1).all()
    assert not grouped.keypoints_pk3[~known_pk].any()
    for person in to_people(grouped, Placement(2, 2), 16 * width, 16 * height):
        left, top, box_width, box_height = person.box
        assert 0 <= left <= left + box_width <= 16 * width - 1
        assert 0 <= top <= top + box_height <= 16 * height - 1
