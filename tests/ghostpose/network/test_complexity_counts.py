from __future__ import annotations

import pytest

from ghostpose.errors import UserError
from ghostpose.network.complexity import measure_all


@pytest.mark.parametrize(
    ("name", "millions", "gmacs"),
    [
        ("pose", 3.01, 5.67),
        ("pose-wide", 3.72, 6.32),
        ("lightweight-openpose", 4.09, 8.88),
        ("openpose", 52.31, 135.93),
    ],
)
def test_count_at_368x368_is_what_the_design_says(name: str, millions: float, gmacs: float) -> None:
    counted = {row.name: row for row in measure_all(368, 368)}[name]
    assert round(counted.parameters / 1e6, 2) == millions
    assert round(counted.gmacs, 2) == gmacs


def test_computation_grows_with_the_area_and_parameters_do_not() -> None:
    small, large = measure_all(64, 64)[0], measure_all(128, 128)[0]
    assert large.parameters == small.parameters
    assert 3.9 < large.gmacs / small.gmacs < 4.1


def test_a_size_that_is_no_multiple_of_8_is_refused() -> None:
    with pytest.raises(UserError, match="multiples of 8"):
        measure_all(368, 370)
