"""What cameras do now, kept on a real server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ghostpose.bus.camera_states import (
    forget_camera_state,
    publish_camera_state,
    read_camera_states,
)
from ghostpose.codec.camera_state import CameraState
from ghostpose.topics import CAMERA_STATES_KEY

if TYPE_CHECKING:
    from ghostpose.bus import Bus


def state(camera: str) -> CameraState:
    return CameraState(camera, "playing", 1.7e9, "worker", "host", 17)


def test_states_are_read_with_the_servers_time_until_they_are_forgotten(bus: Bus) -> None:
    publish_camera_state(bus, state("hall"))
    publish_camera_state(bus, state("door"))
    states = read_camera_states(bus)
    assert list(states) == ["door", "hall"]
    assert states["hall"].at == pytest.approx(time.time(), abs=60)
    assert not states["hall"].is_gone(bus.server_time_ms() / 1000)
    forget_camera_state(bus, "hall")
    assert list(read_camera_states(bus)) == ["door"]


def test_a_row_that_is_no_state_hides_no_other(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    publish_camera_state(bus, state("hall"))
    bus.client.hset(CAMERA_STATES_KEY, "broken", "{")
    assert list(read_camera_states(bus)) == ["hall"]
    assert "broken" in caplog.text
