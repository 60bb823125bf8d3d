"""Rows of the registry come back, and damaged ones are refused."""

from __future__ import annotations

import json
from datetime import UTC

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.codec.camera_settings import (
    CameraLease,
    RegisteredCamera,
    decode_camera_lease,
    decode_registered,
    decode_registry,
    encode_settings,
)
from ghostpose.config import CameraConfig
from ghostpose.errors import DecodeError

DOOR = CameraConfig(name="door", source="rtsp://10.0.0.5/live", fps=5, region=(1, 2, 30, 40))
ROW = RegisteredCamera(DOOR, 7)
LEASE = CameraLease('host-"1"', 1_700_000_000_123, 1_700_000_006_123, 0.25)


def encode_registered(row: RegisteredCamera) -> bytes:
    """Write a row as `registry.lua` does."""
    return b'{"revision":%d,"settings":%s}' % (row.revision, encode_settings(row.settings))


def encode_camera_lease(lease: CameraLease) -> bytes:
    """Write a lease as `camera_lease.lua` does."""
    values = {"token": lease.token, "until": lease.until_ms, "cost": lease.cost}
    return json.dumps({**values, "owner": lease.owner}).encode()


cameras = st.builds(
    CameraConfig,
    name=st.just("door"),
    source=st.text(min_size=1, max_size=50).filter(lambda text: "://" not in text),
    fps=st.none() | st.floats(0.1, 1000),
    height=st.integers(64, 4096),
    region=st.none() | st.tuples(*[st.integers(1, 4000)] * 4),
    paused=st.booleans(),
    recorded_at=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@given(cameras, st.integers(1, 2**53 - 1))
def test_settings_come_back_as_they_were_set(camera: CameraConfig, revision: int) -> None:
    row = RegisteredCamera(camera, revision)
    assert decode_registered("door", encode_registered(row)) == row


def test_only_what_was_set_is_written_so_that_new_defaults_apply_to_the_rest() -> None:
    settings = json.loads(encode_registered(ROW))["settings"]
    assert settings == {
        "name": "door",
        "source": "rtsp://10.0.0.5/live",
        "fps": 5.0,
        "region": [1, 2, 30, 40],
    }


@given(
    st.builds(
        CameraLease,
        owner=st.text(max_size=80),
        token=st.integers(0, 2**53 - 1),
        until_ms=st.integers(0, 2**53 - 1),
        cost=st.floats(0, 1e6),
    )
)
def test_leases_come_back(lease: CameraLease) -> None:
    assert decode_camera_lease("door", encode_camera_lease(lease)) == lease


@given(st.data())
def test_damaged_rows_are_rows_or_a_decode_error(data: st.DataObject) -> None:
    for decode, valid in (
        (decode_registered, encode_registered(ROW)),
        (decode_camera_lease, encode_camera_lease(LEASE)),
    ):
        damaged = data.draw(samples.damaged(valid))
        try:
            decode("door", damaged)
        except DecodeError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "hall", "source": "x"}, "they are of camera 'hall'"),
        ({"name": "door"}, "source: Field required"),
        ({"name": "door", "source": "x", "zoom": 2}, "zoom: Extra inputs are not permitted"),
        ({"name": "door", "source": "rtsp://a:pw@h/ x"}, "an address holds no spaces"),
        ("text", "Input should be a valid dictionary"),
    ],
)
def test_settings_that_are_none_say_why_without_showing_the_address(
    settings: object, words: str
) -> None:
    row = json.dumps({"revision": 1, "settings": settings}).encode()
    with pytest.raises(DecodeError) as caught:
        decode_registered("door", row)
    assert words in str(caught.value)
    assert "pw" not in str(caught.value)


def test_a_bad_row_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    rows = {b"door": encode_registered(ROW), b"hall": b"{", b"\xff": b""}
    assert decode_registry(rows) == {"door": ROW}
    assert caplog.text.count("a row of the registry is passed over") == 2
