"""A camera's state comes back as it was said, and damaged ones are refused."""

from __future__ import annotations

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.codec.camera_state import (
    MAX_SENTENCE_CHARS,
    CameraCounts,
    CameraState,
    decode_camera_state,
    encode_camera_state,
)
from ghostpose.errors import DecodeError

STATE = CameraState(
    camera="lobby",
    status="waiting",
    since=1.7e9,
    worker="ingest-host-17-lobby-abc",
    host="host",
    pid=17,
    problem="camera lobby: nothing answers at rtsp://***@10.0.0.5/",
    problem_at=1.7e9,
    session=1_700_000_000_000,
    source="h264 640x480 at 25 frames/s",
    last_seen=1.7e9 - 3,
    counts=CameraCounts(10, 9, 6, {"decode": 1, "rate": 2}, 1, 0, 3),
    at=1.7e9 + 1,
)


def test_a_state_comes_back_as_it_was_said() -> None:
    assert decode_camera_state(encode_camera_state(STATE)) == STATE
    plain = CameraState("a", "opening", 0.0, "w", "h", 1)
    assert decode_camera_state(encode_camera_state(plain)) == plain


def test_counts_add_up_with_what_is_in_hand() -> None:
    assert STATE.counts.in_hand == 1


def test_a_long_problem_is_cut_instead_of_making_the_row_unreadable() -> None:
    long = CameraState("a", "waiting", 0.0, "w", "h", 1, problem="x" * 5000)
    assert decode_camera_state(encode_camera_state(long)).problem == "x" * MAX_SENTENCE_CHARS


def test_a_process_that_said_nothing_for_long_is_gone_unless_it_ended() -> None:
    assert not STATE.is_gone(STATE.at + 9)
    assert STATE.is_gone(STATE.at + 11)
    assert not CameraState("a", "ended", 0.0, "w", "h", 1).is_gone(1e9)


@given(samples.damaged(encode_camera_state(STATE)))
def test_damaged_states_are_states_or_a_decode_error(data: bytes) -> None:
    try:
        decode_camera_state(data)
    except DecodeError as error:
        assert len(error.raw) <= DecodeError.RAW_KEPT


@pytest.mark.parametrize("row", [b"", b"[]", b'{"camera": "a b"}', b"\xff"])
def test_what_is_no_state_is_refused(row: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_camera_state(row)


@given(st.dictionaries(st.sampled_from(["rate", "decode", "stale"]), st.integers(0, 10**9)))
def test_reasons_of_skips_come_back(skipped: dict[str, int]) -> None:
    counts = CameraCounts(read=2 * 10**10, skipped=skipped)
    state = CameraState("a", "playing", 0.0, "w", "h", 1, counts=counts)
    assert decode_camera_state(encode_camera_state(state)).counts.skipped == skipped
