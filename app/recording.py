"""Keeping published frames of some cameras, with their results, for a while."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from app.whole_file import WholeFile
from ghostpose.bus import Bus
from ghostpose.client import PoseReader, PoseRecord
from ghostpose.codec.entries import from_read
from ghostpose.codec.messages import decode_frame
from ghostpose.codec.recording import MARK, packed_frame, packed_pose
from ghostpose.errors import ConfigError, DecodeError
from ghostpose.server import translated

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from ghostpose.codec.entries import StreamEntry
    from ghostpose.codec.recording import Key

BLOCK_S: Final = 0.1
FRAMES_A_READ: Final = 16

OUTCOME_S: Final = 10.0
"""How long the results of the last frames are waited for."""


@dataclass(slots=True)
class Recorded:
    """What a recording came to. `missed`: frames that were done before they could be read."""

    frames: int = 0
    poses: int = 0
    missed: int = 0
    forbidden: int = 0
    bytes: int = 0
    _newest: dict[tuple[str, int], int] = field(default_factory=dict)
    _waiting: set[Key] = field(default_factory=set)

    def saw(self, key: Key) -> None:
        """Count frames between this one and the newest before it as missed."""
        camera, session, seq = key
        before = self._newest.get((camera, session), seq - 1)
        self.missed += max(0, seq - before - 1)
        self._newest[camera, session] = max(before, seq)


@dataclass(slots=True)
class Recorder:
    """Reads frames beside the inference workers, without taking any from them."""

    bus: Bus
    cameras: Sequence[str]
    file: WholeFile
    max_bytes: int
    result: Recorded = field(default_factory=Recorded)

    def run(self, stop: threading.Event, seconds: float) -> Recorded:
        """Record for so long, until `stop`, or until the file is full; then wait for results."""
        since = self._ends_of_streams()
        with PoseReader(self.bus.client, self.cameras) as poses:
            self._write(MARK)
            until_s = time.monotonic() + seconds
            while not stop.is_set() and time.monotonic() < until_s and not self._is_full():
                self._read_frames(since)
                self._read_poses(poses)
            until_s = time.monotonic() + OUTCOME_S
            while self.result._waiting and time.monotonic() < until_s:
                self._read_poses(poses, BLOCK_S)
        return self.result

    def _ends_of_streams(self) -> dict[str, str]:
        keys = self.bus.keys
        streams = {keys.frames(keys.partition_of(camera)) for camera in self.cameras}
        ends = {}
        for stream in streams:
            with translated(self.bus.address):
                last: Any = self.bus.client.xinfo_stream(stream) if self._is_there(stream) else None
            ends[stream] = last["last-generated-id"].decode() if last else "0-0"
        return ends

    def _is_there(self, stream: str) -> bool:
        return bool(self.bus.client.exists(stream))

    def _read_frames(self, since: dict[str, str]) -> None:
        wanted: Any = since
        with translated(self.bus.address):
            reply = self.bus.client.xread(wanted, count=FRAMES_A_READ, block=round(1000 * BLOCK_S))
        for stream, entry in from_read(reply):
            since[stream] = entry.id
            self._keep(entry)

    def _keep(self, entry: StreamEntry) -> None:
        try:
            message = decode_frame(entry.fields, entry.at_ms)
        except DecodeError:
            return  # a worker will bury it and say so
        if message.id.camera not in self.cameras:
            return
        key = (message.id.camera, message.id.session, message.id.seq)
        self.result.saw(key)
        if not message.info.keep_picture:
            self.result.forbidden += 1
            return
        self._write(packed_frame(entry.fields))
        self.result.frames += 1
        self.result._waiting.add(key)

    def _read_poses(self, poses: PoseReader, block_s: float = 0.0) -> None:
        for record in poses.read(block_s=block_s):
            message = record.message
            key = (message.camera, message.session, message.seq)
            if key not in self.result._waiting:
                continue
            if isinstance(record, PoseRecord):
                self._write(packed_pose(record.json))
                self.result.poses += 1
            if isinstance(record, PoseRecord) or record.message.kind == "gap":
                self.result._waiting.discard(key)

    def _write(self, data: bytes) -> None:
        self.file.append(data)
        self.result.bytes += len(data)

    def _is_full(self) -> bool:
        return self.result.bytes >= self.max_bytes


def record(
    url: str,
    cameras: Sequence[str],
    path: Path,
    stop: threading.Event,
    *,
    seconds: float,
    max_bytes: int,
) -> Recorded:
    """Record cameras of the deployment at `url` to a new file that only its owner can read.

    Raises:
        ConfigError: a camera is not there, or the file is already or can't be made.
        DiskError: the disk is full; what was recorded until then can be replayed.
    """
    with Bus.connect(url) as bus:
        unknown = sorted(set(cameras) - set(bus.cameras()))
        if unknown:
            raise ConfigError(f"{unknown[0]!r} is no camera of the deployment at {bus.address}")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise ConfigError(f"{path}: can't be made: {error.strerror}") from error
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            return Recorder(bus, cameras, WholeFile(file, path), max_bytes).run(stop, seconds)
