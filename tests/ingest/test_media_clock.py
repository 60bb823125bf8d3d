import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.clock import MAX_LIVE_STEP_S, MediaClock, paid_back, recording_start

ANY_TIME = st.none() | st.floats() | st.floats(-10, 10) | st.integers(0, 50).map(lambda k: k / 25)


def read_all(times: list[float | None], interval_s: float = 0.1) -> tuple[list[float], int]:
    clock = MediaClock(interval_s)
    return [clock.read(time) for time in times], clock.repairs


@given(st.lists(ANY_TIME, max_size=60), st.floats(0.001, 100))
def test_any_times_come_out_finite_and_strictly_growing(
    times: list[float | None], interval_s: float
) -> None:
    out, repairs = read_all(times, interval_s)
    assert len(out) == len(times)
    assert all(map(math.isfinite, out))
    assert all(a < b for a, b in pairwise(out))
    assert 0 <= repairs <= len(times)


@given(st.lists(st.floats(0.001, 3600), max_size=40), st.floats(-100, 100))
def test_growing_times_pass_untouched(steps: list[float], start: float) -> None:
    times = [start]
    for step in steps:
        times.append(times[-1] + step)
    assert read_all(times) == (times, 0)


def test_a_step_back_goes_on_by_the_nominal_interval_and_keeps_distances() -> None:
    out, repairs = read_all([100.0, 100.1, 20.0, 20.1, 20.2])
    assert repairs == 1
    assert [round(t, 6) for t in out] == [100.0, 100.1, 100.2, 100.3, 100.4]


def test_a_stumble_is_paid_back_without_another_repair() -> None:
    times: list[float | None] = [0.0, 0.1, 0.2, 0.15] + [0.25 + 0.1 * k for k in range(100)]
    out, repairs = read_all(times)
    assert repairs == 1
    assert out[-1] == times[-1]
    steps = [b - a for a, b in pairwise(out)]
    assert min(steps) >= 0.09 - 1e-9


def test_a_repeated_time_is_a_repair() -> None:
    out, repairs = read_all([0.0, 0.1, 0.1, 0.2])
    assert repairs == 1
    assert out[2] > out[1]


def test_a_jump_of_years_is_a_repair_and_its_way_back_too() -> None:
    out, repairs = read_all([0.0, 0.1, 9e9, 0.3, 0.4])
    assert repairs == 2
    assert out[-1] < 1.0


def test_frames_without_times_get_the_nominal_rate() -> None:
    out, repairs = read_all([None, None, None])
    assert repairs == 3
    assert [round(t, 6) for t in out] == [0.0, 0.1, 0.2]


def test_a_live_cameras_clock_that_is_set_is_no_hour_of_silence() -> None:
    clock = MediaClock(0.1, MAX_LIVE_STEP_S)
    times = [0.0, 0.1, 3600.2, 3600.3, 0.6, 0.7]
    read = [clock.read(time) for time in times]
    assert read == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], abs=0.02)
    assert clock.repairs == 2


def test_an_hour_of_silence_is_no_repair() -> None:
    assert read_all([0.0, 3600.0, 3600.1])[1] == 0


@given(st.floats(-10, 10), st.floats(0, 100))
def test_paying_back_never_overshoots(offset_s: float, step_s: float) -> None:
    rest = paid_back(offset_s, step_s)
    assert abs(rest) <= abs(offset_s)
    assert rest * offset_s >= 0
    assert abs(rest - offset_s) <= 0.1 * step_s + 1e-9


def test_a_recording_without_a_known_start_begins_now() -> None:
    start = recording_start(first_media_time=5.0, now_s=1_000.0, known_start_s=None)
    assert start + 5.0 == 1_000.0


def test_a_known_start_makes_every_run_the_same() -> None:
    assert recording_start(5.0, now_s=1_000.0, known_start_s=77.0) == 77.0
