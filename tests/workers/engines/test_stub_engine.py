"""The engine without a network."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ghostpose.errors import EngineError, InvalidValueError
from ghostpose.types import Maps
from workers.engines import create_engine
from workers.engines.stub import PEOPLE, save_maps, standing_people

if TYPE_CHECKING:
    from pathlib import Path


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


def recorded_maps(count: int) -> list[Maps]:
    """Maps of 16 x 24 pixels, each of one value."""
    return [
        Maps(np.full((19, 2, 3), n, np.float32), np.full((38, 2, 3), -n, np.float32), 0.4375)
        for n in range(count)
    ]


def test_recorded_maps_are_given_in_turn_again_and_again(tmp_path: Path) -> None:
    save_maps(tmp_path / "maps.npz", recorded_maps(2))
    engine = create_engine(f"stub:0:{tmp_path}/maps.npz")
    given = engine.infer([np.zeros((16, 24, 3), np.uint8)] * 3)
    assert [maps.pcm_chw.max() for maps in given] == [0, 1, 0]
    assert {maps.paf_offset_cells for maps in given} == {0.4375} == {engine.paf_offset_cells}


def test_recorded_maps_of_another_size_than_the_picture_are_refused(tmp_path: Path) -> None:
    save_maps(tmp_path / "maps.npz", recorded_maps(1))
    engine = create_engine(f"stub:0:{tmp_path}/maps.npz")
    with pytest.raises(InvalidValueError, match="recorded maps are of pictures of"):
        engine.infer([np.zeros((24, 16, 3), np.uint8)])


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no archive", b"maps"])
def test_a_file_without_recorded_maps_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "maps.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EngineError, match="holds no recorded maps"):
        create_engine(f"stub:0:{path}")
