"""Rows of the deployment's tables come back, and damaged ones are refused."""

from __future__ import annotations

import json

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.codec.registry import (
    CameraEntry,
    Heartbeat,
    decode_camera,
    decode_heartbeat,
    encode_camera,
    encode_heartbeat,
)
from ghostpose.errors import DecodeError

CAMERA = CameraEntry(
    3, "{gp:3}:poses:lobby", "{gp:3}:events:lobby", "{gp:3}:preview:lobby", "latest"
)
BEAT = Heartbeat("host-1", "infer", "0.1.0", "host", 17, {"fps": 9.5}, 1.7e9)


def test_rows_come_back_as_they_were_sent() -> None:
    assert decode_camera(encode_camera(CAMERA)) == CAMERA
    assert decode_heartbeat("host-1", encode_heartbeat(BEAT)) == BEAT


def test_a_camera_row_names_the_streams_for_readers_in_any_language() -> None:
    assert json.loads(encode_camera(CAMERA)) == {
        "partition": 3,
        "poses": "{gp:3}:poses:lobby",
        "events": "{gp:3}:events:lobby",
        "preview": "{gp:3}:preview:lobby",
        "policy": "latest",
    }


@given(st.data())
def test_damaged_rows_are_rows_or_a_decode_error(data: st.DataObject) -> None:
    for decode, valid in (
        (decode_camera, encode_camera(CAMERA)),
        (lambda raw: decode_heartbeat("w", raw), encode_heartbeat(BEAT)),
    ):
        try:
            decode(data.draw(samples.damaged(valid)))
        except DecodeError as error:
            assert len(error.raw) <= DecodeError.RAW_KEPT


@pytest.mark.parametrize("row", [b"", b"[]", b'{"partition": -1}', b"\xff"])
def test_what_is_no_row_is_refused(row: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_camera(row)
