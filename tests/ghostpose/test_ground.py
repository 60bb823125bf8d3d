"""The floor before a camera, from points somebody listed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ghostpose.errors import InvalidValueError
from ghostpose.ground import Ground
from ghostpose.rules import Rules

PAIRS = (
    (100.0, 700.0, 0.0, 0.0),
    (1180.0, 700.0, 6.0, 0.0),
    (900.0, 300.0, 6.0, 9.0),
    (380.0, 300.0, 0.0, 9.0),
)


def test_each_listed_pixel_comes_to_its_place() -> None:
    assert Ground.of(PAIRS).errors_m(PAIRS) == pytest.approx([0] * 4, abs=1e-9)


@given(st.floats(0, 1), st.floats(0, 1))
def test_straight_lines_stay_straight_and_in_between(a: float, b: float) -> None:
    """A point between two pixels is between their places: no mirror, no fold."""
    ground = Ground.of(PAIRS)
    (x, y), (u, v) = PAIRS[0][:2], PAIRS[2][:2]
    low, high = sorted((a, b))
    places = [ground.place((x + s * (u - x), y + s * (v - y))) for s in (0, low, high, 1)]
    assert all(place is not None for place in places)
    north = [place[1] for place in places if place is not None]
    assert north == sorted(north)
    for place in places:
        assert place is not None
        assert place[0] * 9 == pytest.approx(place[1] * 6, abs=1e-6)


def test_nobody_stands_at_the_horizon_or_where_a_pixel_is_metres() -> None:
    ground = Ground.of(PAIRS)
    assert ground.place((640, 0)) is None
    assert ground.place((640, -300)) is None
    assert ground.place((640, 400)) is not None


def test_more_points_than_four_make_it_truer() -> None:
    rng = np.random.default_rng(0)
    true = Ground.of(PAIRS)
    pixels = [(float(x), float(y)) for x, y in rng.uniform((300, 350), (900, 700), (30, 2))]
    listed = []
    for x, y in pixels:
        place = true.place((x, y))
        assert place is not None
        listed.append((x + rng.normal(0, 2), y + rng.normal(0, 2), *place))
    errors = Ground.of(tuple(listed)).errors_m(PAIRS)
    assert max(errors) < 0.5
    few = Ground.of(tuple(listed[:5])).errors_m(PAIRS)
    assert np.mean(errors) < np.mean(few)


SQUARE = ((0, 0, 0, 0), (9, 0, 1, 0), (9, 9, 1, 1), (0, 9, 0, 1))


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        pytest.param(PAIRS[:3], "wanted 4 points or more, got 3", id="three"),
        pytest.param(
            (*PAIRS[:3], (640.0, 700.0, 3.0, 4.0)), "three of the four points are on one line",
            id="three on a line of the picture",
        ),
        pytest.param(
            (*PAIRS[:3], (380.0, 300.0, 3.0, 0.0)), "three of the four points are on one line",
            id="three on a line of the floor",
        ),
        pytest.param(
            tuple((float(n), float(n), float(n), float(n)) for n in range(6)), "don't fix a plane",
            id="all on a line",
        ),
        pytest.param(((1.0, 1.0, 1.0, 1.0),) * 4, "all points are the same", id="one point"),
        pytest.param(
            (*SQUARE[:2], (0, 9, 1, 1), (9, 9, 0, 1)), "are two swapped", id="two swapped"
        ),
    ],
)  # fmt: skip
def test_bad_points_are_one_sentence(pairs: Any, sentence: str) -> None:
    with pytest.raises(InvalidValueError, match=sentence) as raised:
        Ground.of(pairs)
    assert "\n" not in str(raised.value)
    with pytest.raises(ValidationError, match=sentence):
        Rules(ground=pairs)


@given(st.lists(st.tuples(*[st.floats(-1e5, 1e5)] * 4), max_size=8))
def test_whatever_points_are_listed_they_map_or_are_refused(pairs: Any) -> None:
    try:
        ground = Ground.of(pairs)
    except InvalidValueError:
        return
    for x, y, _, _ in pairs:
        place = ground.place((x, y))
        assert place is None or all(map(math.isfinite, place))
