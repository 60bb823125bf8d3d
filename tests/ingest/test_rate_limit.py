from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.rate import RateLimit


def admitted(fps: float | None, source_fps: float, times: list[float]) -> list[int]:
    limit = RateLimit(fps, 1 / source_fps)
    return [k for k, time in enumerate(times) if limit.admit(time)]


def test_half_the_rate_takes_every_second_frame() -> None:
    assert admitted(5, 10, [k / 10 for k in range(100)]) == list(range(0, 100, 2))


def test_without_a_limit_every_frame_is_admitted() -> None:
    assert admitted(None, 10, [0.0, 0.001, 0.002]) == [0, 1, 2]


@pytest.mark.parametrize("fps", [10, 10.5, 25, 1000])
def test_a_limit_at_or_above_the_source_rate_drops_nothing_despite_jitter(fps: float) -> None:
    times = [k / 10 + (0.03 if k % 3 == 1 else 0.0) for k in range(100)]
    assert admitted(fps, 10, times) == list(range(100))


def test_an_odd_ratio_is_right_in_the_long_run() -> None:
    kept = admitted(10, 25, [k / 25 for k in range(1000)])
    assert len(kept) == 400
    assert {b - a for a, b in pairwise(kept)} == {2, 3}


def test_a_start_in_the_middle_changes_nothing() -> None:
    assert admitted(5, 10, [7.3 + k / 10 for k in range(10)]) == [0, 2, 4, 6, 8]


@given(
    st.lists(st.floats(0.001, 2), max_size=200),
    st.floats(0.1, 60),
    st.floats(1, 60),
)
def test_the_rate_is_never_exceeded_in_the_long_run(
    steps: list[float], fps: float, source_fps: float
) -> None:
    times = [0.0]
    for step in steps:
        times.append(times[-1] + step)
    kept = admitted(fps, source_fps, times)
    assert kept[0] == 0
    assert len(kept) <= times[-1] * fps + fps / source_fps / 2 + 1 + 1e-6
