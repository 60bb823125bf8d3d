"""A connection to a deployment: its server, its meta data, its cameras and workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    import redis

    from ghostpose.bus.keys import Keys
    from ghostpose.types import Policy


@dataclass(frozen=True, slots=True)
class CameraEntry:
    """What `ghostpose:cameras` says of a camera: where its streams are."""

    partition: int
    poses_key: str
    events_key: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class CameraCounters:
    """What became of a camera's frames since the deployment was created.

    `published = poses + gaps` at every quiet moment (nothing in flight); `read` and `skipped` are
    known for ended sessions only: there, `read = published + sum(skipped)`.
    """

    published: int
    poses: int
    gaps_by_reason: Mapping[str, int]
    read: int
    skipped_by_reason: Mapping[str, int]
    sessions_ended: int
    in_flight: int

    @property
    def gaps(self) -> int:
        """Frames with a tombstone instead of a pose message."""
        return sum(self.gaps_by_reason.values())

    @property
    def dead(self) -> int:
        """Frames that went to the dead letters."""
        raise NotImplementedError


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


class Bus:
    """A connection to a deployment. Threads may share it; processes must not."""

    client: redis.Redis
    partitions: int
    keys: Keys

    @classmethod
    def connect(cls, url: str, *, partitions: int | None = None, timeout_s: float = 5.0) -> Self:
        """Connect to `redis://`, `rediss://` or `unix://`; create the deployment if there is none.

        `partitions` is used when the deployment is created (default 16) and otherwise ignored.

        Raises:
            BusUnavailableError: nothing answers there within `timeout_s`.
            ProtocolVersionError: the deployment speaks another major version.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the connections."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def server_time_ms(self) -> int:
        """Return the server's clock, Unix ms."""
        raise NotImplementedError

    def register_camera(self, camera: str, *, policy: Policy, credit: int) -> None:
        """Make a camera known, or change its policy and credit (idempotent)."""
        raise NotImplementedError

    def cameras(self) -> dict[str, CameraEntry]:
        """Return every registered camera."""
        raise NotImplementedError

    def counters(self, camera: str) -> CameraCounters:
        """Return what became of a camera's frames."""
        raise NotImplementedError

    def heartbeat(self, beat: Heartbeat) -> None:
        """Say that a process lives; `beat.at` is replaced by the server's clock."""
        raise NotImplementedError

    def workers(self) -> list[Heartbeat]:
        """Return the processes that live; those silent for long are left out and removed."""
        raise NotImplementedError
