"""The registry: cameras and their settings in Redis, for all ingest processes and editors.

An address with a password is kept apart from the settings, in a hash of its own which a server's
access list can keep from everybody but ingest; the settings have `***` in its place.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from ghostpose.bus.steps import Step
from ghostpose.codec.camera_settings import decode_registry, encode_settings
from ghostpose.errors import RegistryConflictError, RegistryError
from ghostpose.redaction import HIDDEN, without_password
from ghostpose.server import translated
from ghostpose.topics import (
    REGISTRY_ENDED_KEY,
    REGISTRY_KEY,
    REGISTRY_REVISION_KEY,
    REGISTRY_SOURCES_KEY,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ghostpose.bus.connection import Bus
    from ghostpose.codec.camera_settings import RegisteredCamera
    from ghostpose.config import CameraConfig

_AS_IT_IS: Final = "*"
"""In an address's place: the one that is kept stays. It is none by itself."""

_KEYS: Final = (REGISTRY_KEY, REGISTRY_SOURCES_KEY, REGISTRY_ENDED_KEY, REGISTRY_REVISION_KEY)


@dataclass(frozen=True, slots=True)
class Registered:
    """The whole registry.

    `revision` is that of its last change, None if nothing was ever written to it; `sources` holds
    addresses with passwords, if they were read; `ended` says of cameras that were played to their
    end at which revision that was.
    """

    revision: int | None
    cameras: Mapping[str, RegisteredCamera]
    sources: Mapping[str, str] | None
    ended: Mapping[str, int]

    def playable(self, name: str) -> CameraConfig:
        """Return a camera's settings with its password, if its address holds one."""
        assert self.sources is not None, "passwords were not read"
        settings = self.cameras[name].settings
        source = self.sources.get(name)
        return settings if source is None else settings.model_copy(update={"source": source})

    def has_ended(self, name: str) -> bool:
        """Return whether a camera, as it is set now, was played to its end."""
        return self.ended.get(name) == self.cameras[name].revision


class Registry:
    """Reads and changes the registry of a deployment."""

    def __init__(self, bus: Bus) -> None:
        self.bus: Final = bus

    def revision(self) -> int | None:
        """Return the number of the last change; None: there never was one."""
        with translated(self.bus.address):
            number: Any = self.bus.client.get(REGISTRY_REVISION_KEY)
        return None if number is None else int(number)

    def read(self, *, passwords: bool = False) -> Registered:
        """Return everything, addresses' passwords only if they are asked for.

        The revision is read first: what changes meanwhile is of a later one, to be read again.
        """
        with translated(self.bus.address), self.bus.client.pipeline(transaction=False) as batch:
            batch.get(REGISTRY_REVISION_KEY)
            batch.hgetall(REGISTRY_KEY)
            batch.hgetall(REGISTRY_ENDED_KEY)
            if passwords:  # which dashboards may not read
                batch.hgetall(REGISTRY_SOURCES_KEY)
            revision, rows, ended, *sources = batch.execute()
        return Registered(
            revision=None if revision is None else int(revision),
            cameras=decode_registry(rows),
            sources={name.decode(): source.decode() for name, source in sources[0].items()}
            if passwords
            else None,
            ended={name.decode(): int(number) for name, number in ended.items()},
        )

    def get(self, name: str) -> RegisteredCamera:
        """Return one camera.

        Raises:
            RegistryError: there is none of that name.
        """
        cameras = self.read().cameras
        if name not in cameras:
            raise _missing(name, cameras)
        return cameras[name]

    def add(self, camera: CameraConfig) -> int:
        """Add a camera; return its revision.

        Raises:
            RegistryError: there is one of that name, or its password is hidden.
        """
        return self._change("add", camera, 0)

    def change(self, camera: CameraConfig, seen: int) -> int:
        """Give a camera other settings; return its new revision.

        A source with a hidden password, as `read` gives it, leaves the address as it is.

        Raises:
            RegistryConflictError: it is no longer at revision `seen`.
            RegistryError: there is none of that name, or its address is another whose password is
                hidden.
        """
        return self._change("change", camera, seen)

    def remove(self, name: str, seen: int) -> None:
        """Remove a camera. Its poses stay for as long as they are kept.

        Raises:
            RegistryConflictError: it is no longer at revision `seen`.
            RegistryError: there is none of that name.
        """
        self._done(name, self.bus.run(Step.REGISTRY, _KEYS, ("remove", name, seen)))

    def seed(self, cameras: Iterable[CameraConfig]) -> int:
        """Put cameras into a registry that was never written to; return how many, 0 if it was."""
        values = [v for camera in cameras for v in (camera.name, *_kept(camera))]
        keys = (REGISTRY_KEY, REGISTRY_SOURCES_KEY, REGISTRY_REVISION_KEY)
        return int(self.bus.run(Step.SEED_REGISTRY, keys, values)) if values else 0

    def note_ended(self, name: str, revision: int) -> None:
        """Say that a camera was played to its end as it was set at `revision`."""
        with translated(self.bus.address):
            self.bus.client.hset(REGISTRY_ENDED_KEY, name, cast("str", revision))
            self.bus.client.incr(REGISTRY_REVISION_KEY)

    def _change(self, what: str, camera: CameraConfig, seen: int) -> int:
        settings, source = _kept(camera)
        keeps = HIDDEN in camera.source and not source
        if keeps and (what == "add" or self.get(camera.name).settings.source != camera.source):
            raise RegistryError(
                f"camera {camera.name}: the password in {camera.source} is hidden and not known"
                " here: write it, or better ${env:NAME} or ${file:PATH} in its place"
            )
        arguments = (what, camera.name, seen, settings, _AS_IT_IS if keeps else source)
        return self._done(camera.name, self.bus.run(Step.REGISTRY, _KEYS, arguments))

    def _done(self, name: str, reply: list[bytes]) -> int:
        if reply[0] == b"done":
            return int(reply[1])
        if reply[0] == b"exists":
            raise RegistryError(
                f"camera {name} is in the registry already: change it by ghostpose cameras set, or"
                " choose another name"
            )
        if reply[0] == b"changed":
            raise RegistryConflictError(
                f"camera {name} was changed by somebody else meanwhile, it is at revision"
                f" {reply[1].decode()} now: look at it again, then repeat your change"
            )
        raise _missing(name, self.read().cameras)


def _kept(camera: CameraConfig) -> tuple[bytes, str]:
    """Return the settings to keep for all to see, and the address if it holds a password."""
    shown = without_password(camera.source)
    if shown == camera.source:
        return encode_settings(camera), ""
    return encode_settings(camera.model_copy(update={"source": shown})), camera.source


def _missing(name: str, cameras: Iterable[str]) -> RegistryError:
    near = difflib.get_close_matches(name, list(cameras), n=1)
    hint = f"did you mean {near[0]}?" if near else "ghostpose cameras list shows those there are"
    return RegistryError(f"there is no camera {name[:80]!r} in the registry; {hint}")
