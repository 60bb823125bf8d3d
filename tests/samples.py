"""Small valid values for tests, and Hypothesis strategies of them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ghostpose.codec.images import encode_picture
from ghostpose.codec.preview import Preview
from ghostpose.skeleton import NUM_KEYPOINTS, PAF_CHANNELS, PCM_CHANNELS
from ghostpose.types import (
    EncodedPicture,
    FrameId,
    FrameInfo,
    Maps,
    Person,
    Placement,
    PoseMessage,
    Timings,
)


def info(media_time: float = 0.5, captured_at: float = 1.7e9, **changes: float) -> FrameInfo:
    return FrameInfo(
        captured_at=captured_at,
        media_time=media_time,
        width=768,
        height=576,
        placement=Placement(1.5, 1.5, 4.0, 8.0),
        **changes,
    )


def picture(width: int = 16, height: int = 8, value: int = 7) -> EncodedPicture:
    """Return a raw picture of one colour."""
    return EncodedPicture("raw", width, height, bytes([value]) * (width * height * 3))


def maps(height: int = 1, width: int = 2, seed: int = 0) -> Maps:
    """Return maps of the given cells: mostly nothing, with blobs, like a network's."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 0.0015, (PCM_CHANNELS + PAF_CHANNELS, height, width)).astype(np.float32)
    for channel in values:
        for _ in range(max(1, height * width // 700)):
            row, column = rng.integers(height), rng.integers(width)
            patch = channel[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
            patch += rng.uniform(-1, 1)
    return Maps(values[:PCM_CHANNELS].copy(), values[PCM_CHANNELS:].copy(), 0.4375)


def person(seed: int = 0, track: str | None = "lobby-1") -> Person:
    rng = np.random.default_rng(seed)
    keypoints = rng.uniform(0, 700, (NUM_KEYPOINTS, 3)).astype(np.float32)
    keypoints[:, 2] = rng.uniform(0, 1, NUM_KEYPOINTS)
    keypoints[3] = 0
    return Person(float(rng.uniform()), (10.5, 20.25, 100.0, 200.0), keypoints, track)


def pose(id_: FrameId, people: int = 1) -> PoseMessage:
    """Return the pose message of a frame."""
    return PoseMessage(
        camera=id_.camera,
        session=id_.session,
        seq=id_.seq,
        captured_at=1.7e9 + id_.seq / 10,
        media_time=id_.seq / 10,
        width=768,
        height=576,
        people=tuple(person(seed, f"{id_.camera}-{seed}") for seed in range(people)),
        timings_ms=Timings(1, 2, 3, 4, 5, 6, 7),
    )


def preview(camera: str = "lobby", seq: int = 41) -> Preview:
    """Return a preview of one colour, 32 x 24 pixels."""
    return Preview(
        camera=camera,
        session=1_700_000_000_000,
        seq=seq,
        captured_at=1.7e9,
        media_time=4.125,
        source_width=768,
        source_height=576,
        placement=Placement(24.0, 24.0, 1.0, 2.0),
        privacy="blur_faces",
        width=32,
        height=24,
        jpeg=encode_picture(np.full((24, 32, 3), 80, np.uint8)).data,
    )


def damaged(valid: bytes) -> st.SearchStrategy[bytes]:
    """Return `valid` cut, with bytes changed, or with something inserted."""
    return st.one_of(
        st.integers(0, len(valid)).map(lambda end: valid[:end]),
        st.binary(max_size=16).map(lambda tail: valid + tail),
        st.lists(st.tuples(st.integers(0, len(valid) - 1), st.integers(0, 255)), max_size=8).map(
            lambda changes: _changed(valid, changes)
        ),
        st.tuples(st.integers(0, len(valid)), st.binary(max_size=16)).map(
            lambda cut: valid[: cut[0]] + cut[1] + valid[cut[0] :]
        ),
    )


def _changed(valid: bytes, changes: list[tuple[int, int]]) -> bytes:
    data = bytearray(valid)
    for position, value in changes:
        data[position] = value
    return bytes(data)


def message_of(entry: tuple[bytes, dict[bytes, bytes]]) -> dict[str, Any]:
    """Return the JSON of an entry of a poses or events stream."""
    return json.loads(entry[1][b"d"])
