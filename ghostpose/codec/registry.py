"""What the deployment's tables hold: cameras in `ghostpose:cameras`, processes' heartbeats."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast, get_args

from ghostpose.codec.checks import MAX_TIME_S, parse_json
from ghostpose.errors import DecodeError, InvalidValueError
from ghostpose.types import Policy, check_camera_name

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_ENTRY_BYTES: Final = 16 * 2**10
_MAX_PARTITIONS: Final = 2**14
_MAX_LOAD: Final = 1e15

_log = logging.getLogger(f"{__name__}.cameras")


@dataclass(frozen=True, slots=True)
class CameraEntry:
    """What `ghostpose:cameras` says of a camera: where its streams and its preview are."""

    partition: int
    poses_key: str
    events_key: str
    preview_key: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A process says that it lives. `at` is the server's clock, Unix seconds; the bus fills it."""

    worker: str
    role: str
    version: str
    host: str
    pid: int
    load: Mapping[str, float] = field(default_factory=dict)
    at: float = 0.0


def encode_camera(entry: CameraEntry) -> bytes:
    """Encode a camera's row as JSON."""
    return json.dumps(
        {
            "partition": entry.partition,
            "poses": entry.poses_key,
            "events": entry.events_key,
            "preview": entry.preview_key,
            "policy": entry.policy,
        }
    ).encode()


def decode_camera(data: bytes) -> CameraEntry:
    """Decode a camera's row.

    Raises:
        DecodeError: it is none.
    """
    row = parse_json("camera row", data, _MAX_ENTRY_BYTES)
    return CameraEntry(
        partition=row.integer("partition", 0, _MAX_PARTITIONS),
        poses_key=row.text("poses"),
        events_key=row.text("events"),
        preview_key=row.text("preview"),
        policy=cast("Policy", row.choice("policy", get_args(Policy))),
    )


def decode_cameras(rows: Mapping[bytes, bytes]) -> dict[str, CameraEntry]:
    """Decode a whole table of cameras, by name; rows that are none are logged and passed over."""
    cameras = {}
    for name, row in sorted(rows.items()):
        try:
            cameras[check_camera_name(name.decode("ascii", "replace"))] = decode_camera(row)
        except (DecodeError, InvalidValueError) as error:
            _log.warning("camera %r is passed over: %s", name[:80], error)
    return cameras


def encode_heartbeat(beat: Heartbeat) -> bytes:
    """Encode a heartbeat as JSON."""
    return json.dumps(
        {
            "role": beat.role,
            "version": beat.version,
            "host": beat.host,
            "pid": beat.pid,
            "load": dict(beat.load),
            "at": beat.at,
        }
    ).encode()


def decode_heartbeat(worker: str, data: bytes) -> Heartbeat:
    """Decode the heartbeat of `worker`.

    Raises:
        DecodeError: it is none.
    """
    row = parse_json(f"heartbeat of {worker[:64]!r}", data, _MAX_ENTRY_BYTES)
    load = row.inner("load")
    return Heartbeat(
        worker=worker,
        role=row.text("role"),
        version=row.text("version"),
        host=row.text("host"),
        pid=row.integer("pid"),
        load={name: load.number(name, -_MAX_LOAD, _MAX_LOAD) for name in load.names()},
        at=row.number("at", 0, MAX_TIME_S),
    )
