"""Ground truth files: what counts, what is refused, and nothing that can crash the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.track_evaluation.truth import read_truth
from ghostpose.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

LINES = "1,7,10,20,30.5,60,1,-1,-1,-1\n1,3,0,0,5,5,1\n3,7,12,20,30,60,1\n4,9,1,1,2,2,0\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gt.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_people_are_numbered_from_zero_and_frames_from_one(tmp_path: Path) -> None:
    truth = read_truth(written(tmp_path, LINES))
    assert truth.at(1).person_t.tolist() == [1, 0]
    assert truth.at(3).person_t.tolist() == [1]
    np.testing.assert_allclose(truth.at(1).box_t4[0], [10, 20, 30.5, 60])
    assert len(truth.at(2).person_t) == 0


def test_boxes_that_do_not_count_are_left_out(tmp_path: Path) -> None:
    truth = read_truth(written(tmp_path, LINES))
    assert truth.last == 3
    assert len(truth.at(4).person_t) == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no box that counts"),
        ("1,1,0,0,5,5,0\n", "no box that counts"),
        ("1,1,0,0,5,5,1\n1,1,0,0\n", "line 2: wanted frame"),
        ("frame,id,x,y,w,h,c\n", "line 1: wanted frame"),
        ("0,1,0,0,5,5,1\n", "frames from 1"),
        ("1,1,nan,0,5,5,1\n", "line 1"),
        ("1,1,0,0,5,5,1\n1,1,9,9,5,5,1\n", "a person twice in frame 1"),
    ],
)
def test_what_is_no_ground_truth_is_refused_by_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        read_truth(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        read_truth(tmp_path / "nowhere")


@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=200) | st.text("0123456789,.-e\n", max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.txt"
    path.write_bytes(data)
    try:
        truth = read_truth(path)
    except DataError:
        return
    assert all(len(frame.person_t) == len(frame.box_t4) > 0 for frame in truth.frames.values())
