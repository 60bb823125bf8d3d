"""A camera as a person names it: by its name in the registry, or by its address."""

from __future__ import annotations

from pathlib import Path

from app.camera_settings import make_camera
from app.registry import open_registry
from ghostpose.config import CameraConfig, camera_name_from
from ghostpose.errors import BusUnavailableError, RegistryError
from ghostpose.types import CAMERA_NAME_PATTERN


def is_name(target: str) -> bool:
    """Return whether `target` names a camera of the registry, and nothing that can be opened."""
    return CAMERA_NAME_PATTERN.fullmatch(target) is not None and not Path(target).exists()


def find_camera(target: str, redis: str | None) -> CameraConfig:
    """Return the camera of that name in the registry, with its password; or one of that address.

    Raises:
        ConfigError: it can be no address.
        RegistryError: it is a name, and the registry has none of that name.
        BusUnavailableError: it is a name, and no server answers.
    """
    if not is_name(target):
        return make_camera({"name": camera_name_from(target), "source": target})
    try:
        with open_registry(redis) as registry:
            registered = registry.read(passwords=True)
            if target not in registered.cameras:
                registry.get(target)  # says what there is instead
            return registered.playable(target)
    except (BusUnavailableError, RegistryError) as error:
        raise type(error)(f"{str(error).rstrip('.')}; nor is there a file {target}") from None
