"""A frame's stages as spans; tests/integration/test_metrics.py has a real collector."""

from __future__ import annotations

import itertools
import sys

import pytest
import samples

from ghostpose.errors import PackageError
from ghostpose.types import FrameId
from postprocess.tracing import FrameTraces, stages


def test_stages_follow_one_another_and_the_third_begins_with_the_publishing() -> None:
    told = list(stages(samples.pose(FrameId("lobby", 7, 3, 4)), 1_700_000_000_000))
    names = [name for name, _, _ in told]
    assert names == ["decode", "encode", "wait", "inference", "commit", "grouping", "tracking"]
    for (_, _, end_ns), (_, begin_ns, _) in itertools.pairwise(told):
        assert begin_ns == end_ns
    assert told[2][1] == 1_700_000_000_000 * 10**6
    assert [round((end - begin) / 1e6) for _, begin, end in told] == [1, 2, 3, 4, 7, 5, 6]


def test_without_the_packages_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(PackageError, match=r"pip install 'ghostpose\[otel\]'"):
        FrameTraces("http://127.0.0.1:1", 1)
