"""Recordings of frames and their results as one file: what `ghostpose record` keeps.

A mark, then msgpack maps one after another: `f` frames (`c`, `s`, `q`, `h`, `p` as in their stream)
and `d` pose messages as JSON. Nothing in it is trusted when it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

import msgpack

from ghostpose.codec.messages import MAX_HEADER_BYTES, MAX_PICTURE_BYTES, decode_frame
from ghostpose.codec.poses import MAX_POSE_BYTES, decode_pose
from ghostpose.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ghostpose.types import FrameMessage, PoseMessage

MARK: Final = b"GPREC1\n"

Key = tuple[str, int, int]
"""Camera, session, seq."""

_LARGEST: Final = MAX_PICTURE_BYTES + MAX_HEADER_BYTES + 4096
_FIELDS: Final = ("c", "s", "q", "t", "h", "p")


@dataclass(slots=True)
class Recording:
    """Frames in the order of publishing, and the pose messages of those that have one."""

    frames: dict[Key, FrameMessage] = field(default_factory=dict)
    poses: dict[Key, PoseMessage] = field(default_factory=dict)


def packed_frame(entry: Mapping[bytes, bytes]) -> bytes:
    """Return a frames entry as a part of a recording."""
    return bytes(msgpack.packb({"f": {name: entry[name.encode()] for name in _FIELDS}}))


def packed_pose(json: bytes) -> bytes:
    """Return a pose message as a part of a recording."""
    return bytes(msgpack.packb({"d": json}))


def read_recording(path: Path) -> Recording:
    """Read a recording.

    Raises:
        DecodeError: it is none, is damaged, or was cut off.
        OSError: it can't be read.
    """
    recording = Recording()
    with path.open("rb") as file:
        if file.read(len(MARK)) != MARK:
            raise DecodeError(f"{path}: is no recording of ghostpose's")
        for part in _parts(path, file):
            _add(path, recording, part)
    return recording


def _parts(path: Path, file: IO[bytes]) -> Iterator[dict[str, Any]]:
    parts = msgpack.Unpacker(file, max_buffer_size=_LARGEST, strict_map_key=True, max_ext_len=0)
    end = len(MARK)
    try:
        for part in parts:
            end = len(MARK) + parts.tell()
            if not isinstance(part, dict):
                raise DecodeError(
                    f"{path}: holds a {type(part).__name__} where a message should be"
                )
            yield part
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as cause:
        raise DecodeError(f"{path}: is damaged ({cause})") from cause
    if end != path.stat().st_size:
        raise DecodeError(f"{path}: was cut off in the middle of a message")


def _add(path: Path, recording: Recording, part: dict[str, Any]) -> None:
    frame, json = part.get("f"), part.get("d")
    if isinstance(frame, dict):
        entry = {str(k).encode(): v for k, v in frame.items() if isinstance(v, bytes)}
        message = decode_frame(entry, 0)
        recording.frames[message.id.camera, message.id.session, message.id.seq] = message
    elif isinstance(json, bytes) and len(json) <= MAX_POSE_BYTES:
        pose = decode_pose(json)
        recording.poses[pose.camera, pose.session, pose.seq] = pose
    else:
        raise DecodeError(f"{path}: holds a message that is neither frame nor pose")
