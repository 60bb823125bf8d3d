"""The values that flow through ghostpose, frozen and checked when made.

Pixel convention, used everywhere: integer coordinates are pixel centres, x grows to the right and
y down, (0, 0) is the centre of the top left pixel. Map cell (row i, column j) has its centre at
network-input pixel (8j + 3.5, 8i + 3.5).

Units are in the names: `_s` seconds, `_ms` milliseconds, `_px` pixels, `_cells` map cells.
`captured_at` is Unix seconds; `media_time` is seconds in the stream, strictly growing in a session.

Shape legend: h, w rows and columns; c channels; p people; k the 18 key points; 3 = x, y, score.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from ghostpose.errors import InvalidValueError
from ghostpose.skeleton import NUM_KEYPOINTS, PAF_CHANNELS, PCM_CHANNELS, STRIDE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]
    ByteArray = NDArray[np.uint8]

CAMERA_NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

MAX_SIDE_PX: Final = 16_384
"""No picture side is larger: checked before anything is allocated for it."""

DEFAULT_PARTITIONS: Final = 16
"""Fixed when a deployment is created: the most post-processing processes that can share work."""

MAX_PEOPLE: Final = 1_000
"""A pose message with more people than this is refused as damaged."""

Policy = Literal["latest", "every"]
"""`latest`: live, newest frame wins and skips are counted; `every`: recordings, ingest waits."""

PrivacyMode = Literal["none", "blur_faces", "blur_bodies", "skeleton"]
"""What a picture that is shown or kept looks like; inference always gets the picture as it is."""

PictureCodec = Literal["jpeg", "raw"]
MapsCodec = Literal["float16", "compact"]


def check_camera_name(name: str) -> str:
    """Return `name` if it is a camera name.

    Raises:
        InvalidValueError: it isn't 1 to 64 of `A-Z a-z 0-9 _ . -`.
    """
    if not CAMERA_NAME_PATTERN.fullmatch(name):
        raise InvalidValueError(
            f"camera name {name[:80]!r} is not 1 to 64 letters, digits, '_', '.' or '-'"
        )
    return name


def _check_time(owner: str, captured_at: float, media_time: float) -> None:
    if not (math.isfinite(captured_at) and math.isfinite(media_time)):
        raise InvalidValueError(
            f"{owner}: captured_at {captured_at} and media_time {media_time} must be finite"
        )


def _check_side(owner: str, name: str, value: int) -> None:
    if not 1 <= value <= MAX_SIDE_PX:
        raise InvalidValueError(f"{owner}: {name} {value} is not within 1..{MAX_SIDE_PX}")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a network input lies in its source picture: an axis-aligned affine map.

    `source = (network + 0.5) * scale - 0.5 + offset`, so scale is source pixels a network pixel.
    """

    scale_x: float
    scale_y: float
    left: float = 0.0
    top: float = 0.0

    def __post_init__(self) -> None:
        values = (self.scale_x, self.scale_y, self.left, self.top)
        if not all(map(math.isfinite, values)):
            raise InvalidValueError(f"placement {values} must be finite")
        if not (self.scale_x > 0 and self.scale_y > 0):
            raise InvalidValueError(f"placement scale {values[:2]} must be > 0")

    def to_source(self, xy_n2: FloatArray) -> FloatArray:
        """Map network-input points (..., 2) to source pixels, as float32 of the same shape."""
        scale = np.array([self.scale_x, self.scale_y], np.float32)
        offset = np.array([self.left, self.top], np.float32)
        return (xy_n2 + np.float32(0.5)) * scale - np.float32(0.5) + offset


@dataclass(frozen=True, slots=True)
class FrameId:
    """Which frame: its camera, the session, its number there, and its ticket.

    `seq` counts the frames published in the session from 0; `ticket` is the camera's running
    number over all its sessions, from 1: the order of commits.
    """

    camera: str
    session: int
    seq: int
    ticket: int

    def __post_init__(self) -> None:
        check_camera_name(self.camera)
        if not (self.session >= 0 and self.seq >= 0 and self.ticket >= 1):
            raise InvalidValueError(
                f"{self.camera}: session {self.session}, seq {self.seq} or ticket {self.ticket}"
                " is out of range"
            )

    def __str__(self) -> str:
        return f"{self.camera}/{self.session}/{self.seq}"


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """What travels with a frame from ingest to the pose message, but for its pixels and number.

    `width`, `height`: source picture; `placement`: the published picture in it;
    `max_age_ms`: older than this (by `captured_at`) it is skipped before inference, 0 = never;
    `keep_picture`: whether a dead letter may hold the picture.
    """

    captured_at: float
    media_time: float
    width: int
    height: int
    placement: Placement
    max_age_ms: float = 0.0
    decode_ms: float = 0.0
    encode_ms: float = 0.0
    keep_picture: bool = True

    def __post_init__(self) -> None:
        _check_time("frame", self.captured_at, self.media_time)
        _check_side("frame", "width", self.width)
        _check_side("frame", "height", self.height)
        if not self.max_age_ms >= 0:
            raise InvalidValueError(f"frame: max_age_ms {self.max_age_ms} must be >= 0")


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A picture as bytes: `codec` says how, `width` and `height` what comes out (BGR uint8)."""

    codec: PictureCodec
    width: int
    height: int
    data: bytes

    def __post_init__(self) -> None:
        _check_side("picture", "width", self.width)
        _check_side("picture", "height", self.height)


@dataclass(frozen=True, slots=True)
class FrameMessage:
    """One entry of a `frames` stream. `published_ms` is the server's clock when it was appended."""

    id: FrameId
    info: FrameInfo
    picture: EncodedPicture
    published_ms: int


@dataclass(frozen=True, slots=True)
class Maps:
    """The network's output for one picture.

    `pcm_chw` (19, h, w) and `paf_chw` (38, h, w), float32, at stride 8. A point at PCM cell u is at
    PAF cell u + `paf_offset_cells` (weights distilled from a teacher may inherit such a shift).
    """

    pcm_chw: FloatArray
    paf_chw: FloatArray
    paf_offset_cells: float = 0.0

    def __post_init__(self) -> None:
        pcm, paf = self.pcm_chw.shape, self.paf_chw.shape
        if not (len(pcm) == 3 and pcm[0] == PCM_CHANNELS and paf == (PAF_CHANNELS, *pcm[1:])):
            raise InvalidValueError(
                f"maps: wanted ({PCM_CHANNELS}, h, w) and ({PAF_CHANNELS}, h, w), got {pcm} and"
                f" {paf}"
            )
        if not (self.pcm_chw.dtype == np.float32 and self.paf_chw.dtype == np.float32):
            raise InvalidValueError(
                f"maps: wanted float32, got {self.pcm_chw.dtype} and {self.paf_chw.dtype}"
            )

    @property
    def input_size_px(self) -> tuple[int, int]:
        """Height and width of the network input these maps belong to."""
        return self.pcm_chw.shape[1] * STRIDE, self.pcm_chw.shape[2] * STRIDE


@dataclass(frozen=True, slots=True)
class MapsMessage:
    """One frame's maps on their way to grouping.

    `picture_width` and `picture_height` are the published picture's (maps may cover some padding to
    the right and below); `done_ms` is the server's clock when the maps were appended.
    """

    id: FrameId
    info: FrameInfo
    picture_width: int
    picture_height: int
    maps: Maps
    published_ms: int
    wait_ms: float
    inference_ms: float
    done_ms: int


SkipReason = Literal[
    "stale", "overwritten", "rate", "decode", "full", "poison", "shutdown", "frozen", "blank"
]
"""Why a frame has no pose message.

`overwritten`: a newer frame took its place while there was no credit (`latest`); `rate`: above the
camera's fps limit; `stale`: older than `max_age_ms`, or it came seconds late; `decode`: its bytes
are no picture; `full`: Redis had no room; `poison`: given up after too many deliveries; `shutdown`:
left when ingest ended; `frozen`: the same picture again; `blank`: a live picture of one colour.
"""

DEAD_REASONS: Final[frozenset[SkipReason]] = frozenset({"decode", "poison"})
"""Reasons of gaps that mean a dead letter: the frame was given up, not skipped on purpose."""


@dataclass(frozen=True, slots=True)
class GapMessage:
    """A tombstone: takes the place of a published frame that will have no pose message."""

    id: FrameId
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class EndMessage:
    """The ordered end of a session. `id.seq` is the number of frames published in it.

    `frames_read = id.seq + sum(skipped.values())` holds exactly; `clock_repairs` counts frames
    whose media time had to be moved to keep it strictly growing.
    """

    id: FrameId
    frames_read: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    clock_repairs: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "skipped", MappingProxyType(dict(self.skipped)))
        if self.frames_read != self.id.seq + sum(self.skipped.values()):
            raise InvalidValueError(
                f"{self.id}: {self.frames_read} frames read are not {self.id.seq} published"
                f" + {dict(self.skipped)} skipped"
            )


@dataclass(frozen=True, slots=True)
class Person:
    """One person in one frame, in pixels of the source picture.

    `keypoints_k3` is float32 (18, 3), a missing key point is (0, 0, 0); `box` is x, y, w, h;
    `score` is 0..1; `track` is `<camera>-<n>`, or None before tracking.
    """

    score: float
    box: tuple[float, float, float, float]
    keypoints_k3: FloatArray
    track: str | None = None

    def __post_init__(self) -> None:
        shape = self.keypoints_k3.shape
        if not (shape == (NUM_KEYPOINTS, 3) and self.keypoints_k3.dtype == np.float32):
            raise InvalidValueError(
                f"person: wanted float32 ({NUM_KEYPOINTS}, 3), got {self.keypoints_k3.dtype}"
                f" {shape}"
            )
        if not (
            all(map(math.isfinite, (self.score, *self.box)))
            and bool(np.isfinite(self.keypoints_k3).all())
        ):
            raise InvalidValueError("person: score, box and key points must be finite")


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds each stage took for one frame.

    `wait`: from publishing to the start of inference; `commit`: from the maps' arrival on the bus
    to the commit, less grouping and tracking: transport, and waiting for the frame's turn.
    """

    decode: float = 0.0
    encode: float = 0.0
    wait: float = 0.0
    inference: float = 0.0
    grouping: float = 0.0
    tracking: float = 0.0
    commit: float = 0.0


@dataclass(frozen=True, slots=True)
class PoseMessage:
    """The result for one frame: field `d` of a poses stream, as JSON."""

    camera: str
    session: int
    seq: int
    captured_at: float
    media_time: float
    width: int
    height: int
    people: tuple[Person, ...]
    timings_ms: Timings = Timings()

    def __post_init__(self) -> None:
        check_camera_name(self.camera)
        _check_time(f"{self.camera}/{self.session}/{self.seq}", self.captured_at, self.media_time)
        if len(self.people) > MAX_PEOPLE:
            raise InvalidValueError(
                f"{self.camera}: {len(self.people)} people in one message, at most {MAX_PEOPLE}"
            )


EventKind = Literal[
    "session_start", "session_end", "gap",
    "enter", "leave", "dwell", "crowd", "cross", "fall", "hands_up", "person",
]  # fmt: skip
"""What happened to a camera, and to people in it (by its zones, lines, postures and floor)."""

CAMERA_EVENTS: Final[frozenset[EventKind]] = frozenset({"session_start", "session_end", "gap"})
"""Kinds that concern a camera itself."""


@dataclass(frozen=True, slots=True)
class EventMessage:
    """One entry of an events stream: what happened to a camera besides poses.

    `seq` is the frame it concerns, or the number of frames published for `session_end`;
    `details` holds what the kind needs (a gap's reason, a session's counters) as JSON values.
    """

    kind: EventKind
    camera: str
    session: int
    seq: int
    details: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_camera_name(self.camera)
        object.__setattr__(self, "details", MappingProxyType(dict(self.details)))
