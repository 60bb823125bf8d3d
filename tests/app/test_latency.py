"""Percentiles out of buckets."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.latency import LatencyHistogram


def histogram(values_ms: list[float]) -> LatencyHistogram:
    counted = LatencyHistogram()
    for value_ms in values_ms:
        counted.add(value_ms)
    return counted


@given(
    st.lists(st.floats(0.01, 1e9), min_size=1, max_size=200),
    st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]),
)
def test_percentiles_are_by_nearest_rank_to_half_a_per_cent(
    values_ms: list[float], share: float
) -> None:
    exact_ms = sorted(values_ms)[math.ceil(share * len(values_ms)) - 1]
    assert histogram(values_ms).percentile(share) == pytest.approx(exact_ms, rel=0.00501)


def test_nothing_at_all_is_zero() -> None:
    assert LatencyHistogram().latency().p99 == 0.0


def test_a_commit_before_its_capture_counts_as_the_shortest() -> None:
    assert 0 < histogram([-5.0, 0.0]).percentile(1.0) < 0.0101


def test_any_number_of_values_takes_no_more_buckets_than_there_are() -> None:
    counted = LatencyHistogram()
    for n in range(100_000):
        counted.add(1.0003**n)
    assert len(counted.buckets) < 2_548


def test_cameras_are_merged() -> None:
    both = LatencyHistogram.merged([histogram([1.0] * 9), histogram([100.0])])
    assert both.percentile(0.9) == pytest.approx(1.0, rel=0.00501)
    assert both.percentile(0.91) == pytest.approx(100.0, rel=0.00501)
