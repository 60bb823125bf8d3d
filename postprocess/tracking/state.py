"""The tracker's state as bytes: small, versioned, checked when read.

Layout: a msgpack array `[version, session, media_time, next_number, rows, columns]`; `columns` is
one binary with the columns of `tracks.COLUMNS` one after another, little-endian, row by row: 308
bytes a track. What is read back equals what was written bit for bit, so that a tracker that resumes
from it goes on exactly as if nothing had happened.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import msgpack
import numpy as np

from ghostpose.errors import DecodeError, ProtocolVersionError
from postprocess.tracking.tracks import COLUMNS, Tracks

STATE_VERSION: Final = 1

MAX_TRACKS: Final = 5_000
"""A state that claims more tracks is damaged: far more than a picture holds people."""

_MAX_INT: Final = 2**53
_ROW_BYTES: Final = sum(dtype.itemsize * math.prod(row, start=1) for dtype, row in COLUMNS.values())


@dataclass(frozen=True, slots=True)
class TrackerState:
    """Everything a camera's tracker knows.

    `session`: the one that `tracks` belong to, -1 before the first; `media_time`: of the last
    frame; `next_number`: the n that the next new track gets, over all sessions.
    """

    session: int = -1
    media_time: float = -math.inf
    next_number: int = 1
    tracks: Tracks = Tracks.none()  # noqa: RUF009 - frozen, and its arrays are empty

    def in_session(self, session: int) -> TrackerState:
        """Return the state for frames of `session`: a new one forgets people, never numbers."""
        if session == self.session:
            return self
        return replace(self, session=session, media_time=-math.inf, tracks=Tracks.none())


def encode_state(state: TrackerState) -> bytes:
    """Return `state` as bytes."""
    columns = b"".join(
        np.ascontiguousarray(getattr(state.tracks, name), dtype).tobytes()
        for name, (dtype, _) in COLUMNS.items()
    )
    fields = [
        STATE_VERSION,
        state.session,
        float(state.media_time),
        state.next_number,
        len(state.tracks),
        columns,
    ]
    return bytes(msgpack.packb(fields))


def decode_state(data: bytes) -> TrackerState:
    """Return the state in `data`.

    Raises:
        ProtocolVersionError: it was written by another version.
        DecodeError: it is no tracker state, or one that no tracker can have written.
    """
    version, session, media_time, next_number, rows, columns = _unpack(data)
    _check(version == STATE_VERSION, f"version {version!r}", data, ProtocolVersionError)
    _check(_is_int(session, -1), f"session {session!r}", data)
    _check(type(media_time) is float and media_time < math.inf, f"time {media_time!r}", data)
    _check(_is_int(next_number, 1), f"next number {next_number!r}", data)
    _check(_is_int(rows, 0) and rows <= MAX_TRACKS, f"{rows!r} tracks", data)
    _check(type(columns) is bytes, "columns that are no bytes", data)
    _check(len(columns) == rows * _ROW_BYTES, f"{len(columns)} bytes for {rows} tracks", data)
    tracks = _read_columns(columns, rows)
    fault = _fault(tracks, next_number, media_time)
    _check(not fault, fault, data)
    return TrackerState(session, media_time, next_number, tracks)


def _unpack(data: bytes) -> list[Any]:
    try:
        fields = msgpack.unpackb(data, use_list=True, strict_map_key=True)
    except Exception as cause:  # msgpack raises many kinds, ValueError and its own among them
        raise DecodeError("tracker state: these bytes are no msgpack", data) from cause
    _check(isinstance(fields, list) and len(fields) > 0, "no list of fields", data)
    _check(fields[0] == STATE_VERSION, f"version {fields[0]!r}", data, ProtocolVersionError)
    _check(len(fields) == 6, f"{len(fields)} fields", data)
    return list(fields)


def _check(condition: bool, what: str, data: bytes, error: type[DecodeError] = DecodeError) -> None:
    if not condition:
        raise error(f"tracker state: wanted version {STATE_VERSION}, intact, got {what}", data)


def _is_int(value: object, least: int) -> bool:
    return type(value) is int and least <= value <= _MAX_INT


def _read_columns(columns: bytes, rows: int) -> Tracks:
    arrays, offset = {}, 0
    for name, (dtype, row) in COLUMNS.items():
        count = rows * math.prod(row, start=1)
        read = np.frombuffer(columns, dtype, count, offset)
        arrays[name] = read.reshape(rows, *row).copy()
        offset += count * dtype.itemsize
    return Tracks(**arrays)


def _fault(tracks: Tracks, next_number: int, media_time: float) -> str:
    """Return what no tracker can have written, or an empty string."""
    numbers = tracks.number_n[tracks.number_n != 0]
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= next_number):
        return f"track numbers outside 0..{next_number - 1}"
    if len(np.unique(numbers)) != len(numbers):
        return "a track number twice"
    if len(tracks) and not (tracks.seen_at_n <= media_time).all():
        return "a track seen after the last frame"
    finite = ("seen_at_n", "xy_nk2", "slope_nk2", "velocity_n2", "covariance_n3", "height_n")
    if not all(np.isfinite(getattr(tracks, name)).all() for name in finite):
        return "numbers that are not finite"
    if not ((tracks.height_n > 0).all() and (tracks.age_nk >= 0).all()):
        return "heights or ages that are not positive"
    if not (tracks.covariance_n3[:, [0, 2]] >= 0).all():
        return "negative variances"
    return ""
