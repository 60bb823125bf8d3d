"""The engine without a network."""

from __future__ import annotations

import time

import numpy as np
import pytest

from ghostpose.errors import EngineError
from workers.engines import create_engine
from workers.engines.stub import PEOPLE, standing_people


def test_the_stub_shows_the_same_three_people_in_every_picture() -> None:
    from postprocess.grouping import GroupingOptions, group

    maps = create_engine("stub:0").infer([np.zeros((368, 656, 3), np.uint8)] * 2)
    assert len(maps) == 2
    for one in maps:
        people = group(one, GroupingOptions())
        assert len(people.keypoints_pk3) == PEOPLE
        assert (people.keypoints_pk3[:, :, 2] > 0).all()


def test_the_stub_pauses_once_a_picture() -> None:
    standing_people(64, 64)
    started = time.perf_counter()
    create_engine("stub:15").infer([np.zeros((64, 64, 3), np.uint8)] * 2)
    assert time.perf_counter() - started >= 0.03


@pytest.mark.parametrize("name", ["stub:x", "stub:-1", "stub:1e9", "stub:nan"])
def test_a_stub_with_no_proper_pause_is_refused(name: str) -> None:
    with pytest.raises(EngineError, match="wanted stub:MS"):
        create_engine(name)
