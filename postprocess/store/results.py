"""What the store answers, as frozen values. Times are Unix seconds, pixels the source picture's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from ghostpose.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ghostpose.types import Person


@dataclass(frozen=True, slots=True)
class StoredCamera:
    """A camera that the store knows. `first_at`, `last_at`: of its frames, None without any."""

    name: str
    sessions: int
    first_at: float | None
    last_at: float | None


@dataclass(frozen=True, slots=True)
class StoredSession:
    """One opening of a source; what is counted at its end is None until then.

    `skipped`: frames read but not published, by reason.
    """

    camera: str
    session: int
    first_at: float | None
    last_at: float | None
    frames_read: int | None
    frames_published: int | None
    clock_repairs: int | None
    skipped: Mapping[str, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "skipped", MappingProxyType(dict(self.skipped)))


@dataclass(frozen=True, slots=True)
class StoredTrack:
    """One person over time in one camera, from its first frame to its last."""

    camera: str
    number: int
    session: int
    first_seq: int
    last_seq: int
    first_at: float
    last_at: float

    @property
    def track(self) -> str:
        """Its id outside: `<camera>-<number>`."""
        return f"{self.camera}-{self.number}"


@dataclass(frozen=True, slots=True)
class PeopleCount:
    """How many people a camera saw in a stretch of time that begins at `begins_at`.

    `mean` over its `frames`, and the `most` in one of them.
    """

    begins_at: float
    frames: int
    mean: float
    most: int


@dataclass(frozen=True, slots=True)
class FootCount:
    """How many times somebody's feet were in one cell of a grid over the picture."""

    row: int
    column: int
    times: int


@dataclass(frozen=True, slots=True)
class TrackPose:
    """Where a track was in one frame, `media_time` in seconds of the stream."""

    session: int
    seq: int
    captured_at: float
    media_time: float
    person: Person


@dataclass(frozen=True, slots=True)
class SessionSpan:
    """What is there of a session that was asked for: first and last seq, how many frames."""

    session: int
    first_seq: int
    last_seq: int
    frames: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which frames of a camera: of one session, or captured from `since` until before `until`.

    None means no bound.

    Raises:
        InvalidValueError: a time is not finite.
    """

    camera: str
    session: int | None = None
    since: float | None = None
    until: float | None = None

    def __post_init__(self) -> None:
        if not all(math.isfinite(time) for time in (self.since, self.until) if time is not None):
            raise InvalidValueError(
                f"{self.camera}: times {self.since} and {self.until} must be finite"
            )
