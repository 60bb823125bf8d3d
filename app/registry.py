"""The registry as commands use it: opened, imported into, written out."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from ghostpose.bus import Bus, Registry
from ghostpose.bus.camera_states import forget_camera_state
from ghostpose.config import DEFAULT_REDIS_URL
from ghostpose.passwords import plain_password_warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ghostpose.bus import Registered
    from ghostpose.config import CameraConfig

PLAYER: Final = "supervisor"
"""The role of an `ingest --registry` in its heartbeats."""


@contextmanager
def open_registry(url: str | None) -> Iterator[Registry]:
    """Connect to the registry of the deployment at `url`, by default on this machine."""
    with Bus.connect(url or DEFAULT_REDIS_URL) as bus:
        yield Registry(bus)


def is_played(bus: Bus) -> bool:
    """Whether an ingest runs now that plays the registry's cameras."""
    return any(beat.role == PLAYER for beat in bus.workers())


def remove_camera(registry: Registry, name: str, revision: int | None) -> None:
    """Remove a camera, and what its process said last; `revision` as `Registry.remove` wants it.

    Raises:
        RegistryError: there is none of that name, or it is no longer at `revision`.
    """
    registry.remove(name, registry.get(name).revision if revision is None else revision)
    forget_camera_state(registry.bus, name)


@dataclass(slots=True)
class Imported:
    """How many cameras an import did what with."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


def import_cameras(registry: Registry, cameras: Sequence[CameraConfig]) -> Imported:
    """Make the registry's cameras of these names as they are here.

    Raises:
        RegistryConflictError: somebody changed one of them meanwhile.
        RegistryError: a password is hidden and not known.
    """
    known, done = registry.read(passwords=True), Imported()
    for camera in cameras:
        row = known.cameras.get(camera.name)
        if row is None:
            registry.add(camera)
            done.added += 1
        elif camera in (row.settings, known.playable(camera.name)):
            done.unchanged += 1
        else:
            registry.change(camera, row.revision)
            done.changed += 1
    return done


def exported(registered: Registered, *, with_passwords: bool) -> str:
    """Return the cameras as YAML, what was set of each; with plain passwords only if asked for."""
    cameras = [
        registered.playable(name) if with_passwords else row.settings
        for name, row in registered.cameras.items()
    ]
    data = {"cameras": [camera.model_dump(mode="json", exclude_unset=True) for camera in cameras]}
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def warn_of_plain_password(camera: CameraConfig) -> None:
    """Say on stderr that there is a better way, if a camera's address holds a password."""
    if warning := plain_password_warning(f"camera {camera.name}", camera.source):
        sys.stderr.write(f"ghostpose: {warning}\n")
