from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.errors import SourceError
from ingest.sources import Undecodable, open_source, probe
from ingest.sources.image_folder import natural_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ghostpose.config import CameraConfig


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures 1 to 12, each filled with ten times its number; names sort wrongly as text."""
    for number in range(1, 13):
        image = np.full((24, 32, 3), 10 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), image)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def levels(camera: CameraConfig) -> list[tuple[float | None, int]]:
    source = open_source(camera)
    found = []
    for item in source.pictures():
        assert not isinstance(item, Undecodable)
        found.append((item.media_time, int(item.pixels(32, 24)[0, 0, 0])))
    source.close()
    return found


def test_pictures_come_in_natural_order_at_the_given_rate(
    folder: Path, camera: Callable[..., CameraConfig]
) -> None:
    expected = [(pytest.approx((n - 1) / 4), 10 * n) for n in range(1, 13)]
    assert levels(camera(f"folder:{folder}?fps=4")) == expected


def test_a_plain_path_plays_ten_a_second(folder: Path, camera: Callable[..., CameraConfig]) -> None:
    info = probe(camera(folder))
    assert (info.nominal_fps, info.frames, info.length_s) == (10.0, 12, 1.2)
    assert (info.width, info.height) == (32, 24)


def test_a_start_skips_pictures(folder: Path, camera: Callable[..., CameraConfig]) -> None:
    assert levels(camera(folder, start_s=1.0)) == [(1.0, 110), (1.1, 120)]
    with pytest.raises(SourceError, match=r"camera cam: start_s 5 is beyond the end"):
        probe(camera(folder, start_s=5))


def test_a_damaged_picture_is_counted_where_it_stands(
    folder: Path, camera: Callable[..., CameraConfig]
) -> None:
    (folder / "frame3.png").write_bytes(b"no picture at all")
    (folder / "frame4.png").write_bytes(b"")
    items = list(open_source(camera(folder)).pictures())
    assert len(items) == 12
    assert [k for k, item in enumerate(items) if isinstance(item, Undecodable)] == [2, 3]


def test_a_folder_without_pictures_is_refused(
    tmp_path: Path, camera: Callable[..., CameraConfig]
) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(SourceError, match=r"camera cam: \S+ has no pictures; wanted files named"):
        probe(camera(tmp_path))


def test_a_folder_of_damaged_pictures_is_refused(
    tmp_path: Path, camera: Callable[..., CameraConfig]
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"camera cam: none of the pictures in"):
        probe(camera(tmp_path))


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("folder:/nowhere/at/all", r"camera cam: wanted a folder of pictures, /nowhere/at/all is"),
        ("gopher://10.0.0.1/live", r"camera cam: gopher: is no kind of source that can be read"),
        ("pattern:people=many", r"people=many: wanted a number from 0 to 200"),
        ("pattern:poeple=3", r"'poeple' is no option of this source; known: width, height"),
        ("pattern:people", r"wanted options as name=value"),
        ("folder:.?fps=0", r"fps=0: wanted a number from 0.01 to 1000"),
    ],
)
def test_a_source_that_makes_no_sense_is_one_clear_sentence(
    source: str, sentence: str, camera: Callable[..., CameraConfig]
) -> None:
    with pytest.raises(SourceError, match=sentence):
        probe(camera(source))


@given(st.lists(st.text(max_size=12), max_size=20))
def test_natural_order_is_an_order_over_any_names(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    assert sorted(ordered) == sorted(names)
    assert all(not natural_key(b) < natural_key(a) for a, b in pairwise(ordered))


def test_numbers_in_names_count_as_numbers() -> None:
    names = ["b1", "a10", "a9", "a10x", "A2"]
    assert sorted(names, key=natural_key) == ["A2", "a9", "a10", "a10x", "b1"]
