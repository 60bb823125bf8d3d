"""A person's key points as few bytes, for the store.

Layout, little-endian: 3 bytes of flags (bit k: key point k is there), then for each key point that
is there, in order: x and y as unsigned 16 bit quarter pixels from -16 px, and the score as one byte
of 1/255. 3 bytes to 93; 5 a key point. Positions are exact to an eighth of a pixel, scores to
0.002; beyond 16 pixels outside the picture, or its largest side, positions stop at the edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.errors import DecodeError
from ghostpose.skeleton import NUM_KEYPOINTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ghostpose.types import FloatArray

_STEPS_PER_PX: Final = 4
_ORIGIN_PX: Final = 16.0
_FLAG_BYTES: Final = 3
_POINT: Final = np.dtype([("x", "<u2"), ("y", "<u2"), ("score", "u1")])


def pack_keypoints(keypoints_k3: FloatArray) -> bytes:
    """Return key points (18, 3) as 3 to 93 bytes."""
    seen_k = keypoints_k3[:, 2] > 0
    flags = np.packbits(seen_k, bitorder="little")
    seen_n3 = keypoints_k3[seen_k]
    points = np.empty(len(seen_n3), _POINT)
    steps_n2 = np.rint((seen_n3[:, :2] + _ORIGIN_PX) * _STEPS_PER_PX)
    steps_n2 = np.minimum(np.maximum(steps_n2, 0), 0xFFFF)
    points["x"], points["y"] = steps_n2[:, 0], steps_n2[:, 1]
    # At least 1, since 0 would say that it is missing.
    points["score"] = np.minimum(np.maximum(np.rint(seen_n3[:, 2] * 255), 1), 255)
    return flags.tobytes() + points.tobytes()


def unpack_keypoints(data: bytes) -> FloatArray:
    """Return key points (18, 3) as float32.

    Raises:
        DecodeError: these bytes are no packed key points.
    """
    keypoints_k3: FloatArray = unpack_all([data])[0]
    return keypoints_k3


def unpack_all(packed: Sequence[bytes]) -> FloatArray:
    """Return the key points of many people (p, 18, 3) as float32, for far less than one by one.

    Raises:
        DecodeError: one of them is no packed key points.
    """
    seen_pk = _seen(packed)
    data = b"".join([one[_FLAG_BYTES:] for one in packed])
    points = np.frombuffer(data, _POINT)
    if not points["score"].all():
        raise DecodeError("key points: one is there with a score of 0", data)
    keypoints_pk3 = np.zeros((len(packed), NUM_KEYPOINTS, 3), np.float32)
    keypoints_pk3[seen_pk, 0] = points["x"] / _STEPS_PER_PX - _ORIGIN_PX
    keypoints_pk3[seen_pk, 1] = points["y"] / _STEPS_PER_PX - _ORIGIN_PX
    keypoints_pk3[seen_pk, 2] = points["score"] / 255
    return keypoints_pk3


def _seen(packed: Sequence[bytes]) -> NDArray[np.bool_]:
    """Return which key points are there (p, 18), by the flags; hold the lengths against them."""
    flags = b"".join([one[:_FLAG_BYTES].ljust(_FLAG_BYTES, b"\xff") for one in packed])
    bits = np.unpackbits(np.frombuffer(flags, np.uint8), bitorder="little")
    bits_pb = bits.reshape(len(packed), 8 * _FLAG_BYTES).astype(bool)
    wanted_p = _FLAG_BYTES + _POINT.itemsize * bits_pb.sum(axis=1)
    wanted_p[bits_pb[:, NUM_KEYPOINTS:].any(axis=1)] = -1  # flags of key points that nobody has
    for one, wanted in zip(packed, wanted_p.tolist(), strict=True):
        if len(one) != wanted:
            raise DecodeError(
                f"key points: wanted {wanted} bytes by their flags, got {len(one)}", one
            )
    return bits_pb[:, :NUM_KEYPOINTS]
