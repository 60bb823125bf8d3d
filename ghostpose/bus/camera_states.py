"""Where each camera's process says what the camera does: one hash, a row a camera."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from ghostpose.codec.camera_state import decode_camera_state, encode_camera_state
from ghostpose.errors import DecodeError
from ghostpose.server import translated
from ghostpose.topics import CAMERA_STATES_KEY

if TYPE_CHECKING:
    from ghostpose.bus.connection import Bus
    from ghostpose.codec.camera_state import CameraState

_log = logging.getLogger(f"{__name__}.camera_states")


def publish_camera_state(bus: Bus, state: CameraState) -> None:
    """Say what a camera does; `state.at` is replaced by the server's clock.

    Raises:
        BusUnavailableError, BusFullError: the server can't take it now.
    """
    now = replace(state, at=bus.server_time_ms() / 1000)
    with translated(bus.address):
        row = cast("str", encode_camera_state(now))
        bus.client.hset(CAMERA_STATES_KEY, state.camera, row)


def read_camera_states(bus: Bus) -> dict[str, CameraState]:
    """Return what every camera's process said last, by camera; see `CameraState.is_gone`."""
    with translated(bus.address):
        rows = cast("dict[bytes, bytes]", bus.client.hgetall(CAMERA_STATES_KEY))
    states = {}
    for name, row in sorted(rows.items()):
        try:
            states[name.decode("ascii", "replace")] = decode_camera_state(row)
        except DecodeError as error:
            _log.warning("row %r of %s is passed over: %s", name[:80], CAMERA_STATES_KEY, error)
    return states


def forget_camera_state(bus: Bus, camera: str) -> None:
    """Remove the row of a camera that is no more."""
    with translated(bus.address):
        bus.client.hdel(CAMERA_STATES_KEY, camera)
