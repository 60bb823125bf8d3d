"""How large the server of a run is made."""

from __future__ import annotations

from app.pipeline import server_mb
from ghostpose.bus.retention import camera_kept_bytes
from ghostpose.config import CameraConfig, GhostposeConfig


def with_cameras(count: int) -> GhostposeConfig:
    return GhostposeConfig(
        cameras=[CameraConfig(name=f"cam{n}", source="clip.mp4") for n in range(count)]
    )


def test_the_embedded_server_has_room_for_every_cameras_kept_results() -> None:
    a_camera_mb = (server_mb(with_cameras(21)) - server_mb(with_cameras(1))) / 20
    in_flight_mb = a_camera_mb - camera_kept_bytes() / 1e6
    assert in_flight_mb > 0
    camera = with_cameras(1).cameras[0]
    assert in_flight_mb > camera.credit * camera.height**2 * 3 / 1e6
