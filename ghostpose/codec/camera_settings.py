"""Rows of the registry: a camera's settings with their revision, and who plays it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from ghostpose.codec.checks import parse_json
from ghostpose.config import CameraConfig
from ghostpose.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_ROW_BYTES: Final = 64 * 2**10

_log = logging.getLogger(f"{__name__}.registry")


@dataclass(frozen=True, slots=True)
class RegisteredCamera:
    """A camera of the registry. `settings.source` is as it may be shown: without a password.

    `revision` grows with every change of any camera: who changes this one says which it has seen.
    """

    settings: CameraConfig
    revision: int


@dataclass(frozen=True, slots=True)
class CameraLease:
    """The right to play a camera. `until_ms` is by the server's clock; 0: given back.

    `token` is higher than that of every lease of this camera before; `cost` is what playing it took
    when last measured, in processor cores, 0 if it never was.
    """

    owner: str
    token: int
    until_ms: int
    cost: float


def encode_settings(camera: CameraConfig) -> bytes:
    """Encode what was set of a camera as JSON; a newer version's defaults apply to the rest."""
    return camera.model_dump_json(exclude_unset=True).encode()


def decode_registered(name: str, data: bytes) -> RegisteredCamera:
    """Decode the row of camera `name`.

    Raises:
        DecodeError: it is none, or of another camera, or holds a setting this program doesn't know.
    """
    owner = f"settings of camera {name[:64]!r}"
    row = parse_json(owner, data, _MAX_ROW_BYTES)
    revision = row.integer("revision", 1)
    try:
        settings = CameraConfig.model_validate(row.any("settings"))
    except ValidationError as cause:
        first = cause.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise row.fail(f"{where}: {first['msg']}") from None
    if settings.name != name:
        raise row.fail(f"they are of camera {settings.name!r}")
    return RegisteredCamera(settings, revision)


def decode_registry(rows: Mapping[bytes, bytes]) -> dict[str, RegisteredCamera]:
    """Decode the registry, by name; rows that are none are logged and passed over."""
    cameras = {}
    for key, row in sorted(rows.items()):
        name = key.decode("utf-8", "replace")
        try:
            cameras[name] = decode_registered(name, row)
        except DecodeError as error:
            _log.warning("a row of the registry is passed over: %s", error)
    return cameras


def decode_camera_lease(camera: str, data: bytes) -> CameraLease:
    """Decode who holds camera `camera`.

    Raises:
        DecodeError: it is no lease.
    """
    row = parse_json(f"lease of camera {camera[:64]!r}", data, _MAX_ROW_BYTES)
    return CameraLease(
        owner=row.text("owner"),
        token=row.integer("token"),
        until_ms=row.integer("until"),
        cost=row.number("cost", 0, 1e6),
    )
