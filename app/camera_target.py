"""A camera as a person names it: by its name in the registry, or by its address."""

from __future__ import annotations

from pathlib import Path

from app.registry import open_registry
from ghostpose.config import CameraConfig, camera_name_from
from ghostpose.errors import RegistryError
from ingest.sources.address import SCHEME


def find_camera(target: str, redis: str | None) -> CameraConfig:
    """Return the camera of that name in the registry, with its password; or one of that address.

    Raises:
        RegistryError: it is no address, and the registry has none of that name.
        BusUnavailableError: it is no address, and no server answers.
    """
    if SCHEME.fullmatch(target) or "${" in target or Path(target).exists():
        return CameraConfig(name=camera_name_from(target), source=target)
    with open_registry(redis) as registry:
        registered = registry.read()
        if target not in registered.cameras:
            try:
                registry.get(target)
            except RegistryError as error:
                raise RegistryError(f"{error}; nor is there a file {target}") from None
        return registered.playable(target)
