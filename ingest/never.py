"""`pixels: never`: a camera whose pictures may not outlive their time in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghostpose.bus.persistence import disk_writes
from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from ghostpose.bus import Bus
    from ghostpose.config import CameraConfig


def check_server(bus: Bus, camera: CameraConfig) -> None:
    """Refuse a server that writes to disk what it holds, if `camera` must not be kept anywhere.

    Raises:
        ConfigError: it does, or doesn't say.
        BusUnavailableError: it doesn't answer.
    """
    if camera.pixels != "never":
        return
    what = disk_writes(bus)
    if what is not None:
        raise ConfigError(
            f"camera {camera.name}: its pixels are 'never' to be kept, but the Redis server at"
            f" {bus.address} writes to disk ({what}): start it with --appendonly no --save ''"
        )
