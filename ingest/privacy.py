"""What a camera's privacy asks of the server, before its first frame goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghostpose.bus.dead import forget_pictures
from ghostpose.bus.persistence import disk_writes
from ghostpose.bus.previews import forget_preview
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


def forget_what_was_kept(bus: Bus, camera: CameraConfig) -> None:
    """Remove pictures of `camera` that were kept while its settings allowed it, if they don't now.

    Raises:
        BusUnavailableError: the server doesn't answer.
    """
    if not camera.keeps_pictures:
        forget_preview(bus, camera.name)
        forget_pictures(bus, camera.name)
