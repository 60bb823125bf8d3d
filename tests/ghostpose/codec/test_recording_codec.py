"""Recordings come back as they were written, and damaged ones are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.codec.messages import encode_frame_header
from ghostpose.codec.poses import encode_pose
from ghostpose.codec.recording import MARK, packed_frame, packed_pose, read_recording
from ghostpose.errors import DecodeError
from ghostpose.types import FrameId

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = samples.picture()
FRAME = {b"c": b"lobby", b"s": b"7", b"q": b"0", b"t": b"1", b"p": PICTURE.data}
FRAME |= {b"h": encode_frame_header(samples.info(), PICTURE)}
POSE = encode_pose(samples.pose(FrameId("lobby", 7, 0, 1)))
WHOLE = MARK + packed_frame(FRAME) + packed_pose(POSE)


def test_frames_and_poses_come_back(tmp_path: Path) -> None:
    path = tmp_path / "whole"
    path.write_bytes(WHOLE)
    recording = read_recording(path)
    key = ("lobby", 7, 0)
    assert recording.frames[key].picture == PICTURE
    assert recording.frames[key].info == samples.info()
    assert encode_pose(recording.poses[key]) == POSE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no recording"),
        (MARK[:-1], "is no recording"),
        (MARK + b"\x93", "cut off"),
        (WHOLE[:-1], "cut off"),
        (MARK + b"\x01", "holds a int"),
        (MARK + b"\xc1", "is damaged"),
        (MARK + b"\x80", "neither frame nor pose"),
        (MARK + packed_pose(b"{}"), "missing"),
    ],
)
def test_what_is_no_whole_recording_says_why(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(data)
    with pytest.raises(DecodeError, match=words):
        read_recording(path)


@given(st.one_of(samples.damaged(WHOLE), st.binary(max_size=64).map(lambda data: MARK + data)))
def test_damaged_recordings_are_recordings_or_a_decode_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "recording"
    path.write_bytes(data)
    try:
        read_recording(path)
    except DecodeError as error:
        assert str(error).isprintable()
