"""A connection to a deployment: its server, its meta data, its cameras and workers."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self, cast

from ghostpose.bus.budget import KnownBudget
from ghostpose.bus.keys import Keys
from ghostpose.bus.steps import Step, Steps
from ghostpose.codec.messages import PROTOCOL_MAJOR, PROTOCOL_MINOR, check_deployment
from ghostpose.codec.registry import (
    CameraEntry,
    Heartbeat,
    decode_cameras,
    decode_heartbeat,
    encode_camera,
    encode_heartbeat,
)
from ghostpose.errors import (
    BusError,
    DecodeError,
    InvalidValueError,
)
from ghostpose.metrics import heartbeat_taken
from ghostpose.redaction import without_password
from ghostpose.server import connect, is_cluster, translated
from ghostpose.topics import CAMERAS_KEY, META_KEY, WORKERS_KEY
from ghostpose.types import DEAD_REASONS, DEFAULT_PARTITIONS, check_camera_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import redis

    from ghostpose.bus.steps import Argument
    from ghostpose.rules import Rules
    from ghostpose.types import Policy

MAX_PARTITIONS: Final = 1024

HEARTBEAT_KEPT_S: Final = 10.0
"""A process silent for longer is no longer listed (processes say that they live every 2 s)."""

_log = logging.getLogger(f"{__name__}.Bus")


@dataclass(frozen=True, slots=True)
class CameraCounters:
    """What became of a camera's frames since the deployment was created.

    `published = poses + gaps` at every quiet moment (`in_flight` 0); `read` and `skipped` are known
    of ended sessions only: there, `read = published + sum(skipped)`.
    """

    published: int
    poses: int
    gaps_by_reason: Mapping[str, int]
    read: int
    skipped_by_reason: Mapping[str, int]
    sessions_ended: int
    clock_repairs: int
    in_flight: int

    @property
    def gaps(self) -> int:
        """Frames with a tombstone instead of a pose message."""
        return sum(self.gaps_by_reason.values())

    @property
    def dead(self) -> int:
        """Frames that went to the dead letters."""
        return sum(self.gaps_by_reason.get(reason, 0) for reason in DEAD_REASONS)


class Bus:
    """A connection to a deployment. Threads may share it; processes must not.

    Every step of the protocol may be sent twice without harm, so the client sends again after a
    lost connection, with a growing, jittered pause, for about `timeout_s`.
    """

    def __init__(self, client: redis.Redis, *, partitions: int, address: str) -> None:
        self.client: Final = client
        self.partitions: Final = partitions
        self.keys: Final = Keys(partitions)
        self.address: Final = address
        self.budget: Final = KnownBudget(client, address, partitions)
        self._steps = Steps(client, address)
        self._is_cluster = is_cluster(client)

    @classmethod
    def connect(cls, url: str, *, partitions: int | None = None, timeout_s: float = 5.0) -> Self:
        """Connect to a server's address; create the deployment there if there is none.

        `partitions` is used when the deployment is created (default 16) and otherwise ignored.

        Raises:
            BusUnavailableError: nothing answers there within `timeout_s`.
            ProtocolVersionError: the deployment speaks another major version.
        """
        wanted = DEFAULT_PARTITIONS if partitions is None else partitions
        if not 1 <= wanted <= MAX_PARTITIONS:
            raise InvalidValueError(f"partitions: {wanted} is not within 1..{MAX_PARTITIONS}")
        address = without_password(url)
        client = connect(url, timeout_s=timeout_s)
        try:
            return cls(
                client, partitions=_join_deployment(client, address, wanted), address=address
            )
        except BaseException:
            client.close()
            raise

    @property
    def is_cluster(self) -> bool:
        """Whether the server is a cluster, where one command may touch one partition only."""
        return self._is_cluster

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, step: Step, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run one atomic step (for the readers and writers of this package)."""
        return self._steps.run(step, keys, arguments)

    def server_time_ms(self) -> int:
        """Return the server's clock, Unix ms."""
        with translated(self.address):
            now: Any = self.client.time()
        return int(now[0]) * 1000 + int(now[1]) // 1000

    def register_camera(
        self, camera: str, *, policy: Policy, credit: int, rules: Rules | None = None
    ) -> None:
        """Make a camera known, or change its policy, credit and rules (idempotent).

        `rules` is what post-processing watches it for; None: nothing.

        Raises:
            InvalidValueError: it is no camera name, or the credit isn't at least 1.
            BusError: the deployment was created again, with another number of partitions.
        """
        check_camera_name(camera)
        if credit < 1:
            raise InvalidValueError(f"{camera}: credit {credit} must be at least 1")
        self._check_deployment()
        key = self.keys.camera(camera)
        entry = CameraEntry(
            partition=self.keys.partition_of(camera),
            poses_key=self.keys.poses(camera),
            events_key=self.keys.events(camera),
            preview_key=self.keys.preview(camera),
            policy=policy,
        )
        with translated(self.address):
            self.client.hsetnx(key, "next", "1")
            self.client.hsetnx(key, "committed", "0")
            # The credit last: a camera without it isn't registered.
            settings = {"rules": _rules_json(rules), "policy": policy, "credit": str(credit)}
            self.client.hset(key, mapping=cast("dict[Any, Any]", settings))
            self.client.hset(CAMERAS_KEY, camera, cast("str", encode_camera(entry)))

    def set_rules(self, camera: str, rules: Rules) -> None:
        """Change what a registered camera is watched for; takes effect within seconds."""
        with translated(self.address):
            self.client.hset(self.keys.camera(camera), "rules", _rules_json(rules))

    def cameras(self) -> dict[str, CameraEntry]:
        """Return every registered camera."""
        with translated(self.address):
            rows = cast("dict[bytes, bytes]", self.client.hgetall(CAMERAS_KEY))
        return decode_cameras(rows)

    def counters(self, camera: str) -> CameraCounters:
        """Return what became of a camera's frames; all zero if the camera is unknown."""
        with translated(self.address):
            cam = cast(
                "dict[bytes, bytes]",
                self.client.hgetall(self.keys.camera(check_camera_name(camera))),
            )
        return counters_from(cam)

    def heartbeat(self, beat: Heartbeat) -> None:
        """Say that a process lives; `beat.at` is replaced by the server's clock."""
        now = replace(beat, at=self.server_time_ms() / 1000)
        with translated(self.address):
            self.client.hset(WORKERS_KEY, beat.worker, cast("str", encode_heartbeat(now)))
        heartbeat_taken(beat.role)

    def forget_worker(self, worker: str) -> None:
        """Take a process that ends off the list of those that live."""
        with translated(self.address):
            self.client.hdel(WORKERS_KEY, worker)

    def workers(self) -> list[Heartbeat]:
        """Return the processes that live; those silent for long are left out and removed."""
        oldest = self.server_time_ms() / 1000 - HEARTBEAT_KEPT_S
        with translated(self.address):
            rows = cast("dict[bytes, bytes]", self.client.hgetall(WORKERS_KEY))
        alive, silent = [], []
        for name, row in sorted(rows.items()):
            beat = _heartbeat(name, row)
            if beat is not None and beat.at >= oldest:
                alive.append(beat)
            else:
                silent.append(name)
        if silent:
            with translated(self.address):
                self.client.hdel(WORKERS_KEY, *cast("list[str]", silent))
        return alive

    def _check_deployment(self) -> None:
        partitions = _join_deployment(self.client, self.address, self.partitions)
        if partitions != self.partitions:
            raise BusError(
                f"The deployment at {self.address} was created again with {partitions} partitions"
                f" instead of {self.partitions}: start this process again."
            )


def _rules_json(rules: Rules | None) -> str:
    return rules.model_dump_json() if rules else ""


def _join_deployment(client: redis.Redis, address: str, partitions: int) -> int:
    """Create the deployment unless there is one; return its number of partitions."""
    with translated(address):
        meta = cast("dict[bytes, bytes]", client.hgetall(META_KEY))
        if not meta.keys() >= {b"partitions", b"protocol"}:  # a full server takes no writes
            client.hsetnx(META_KEY, "partitions", str(partitions))
            client.hsetnx(META_KEY, "protocol", f"{PROTOCOL_MAJOR}.{PROTOCOL_MINOR}")
            meta = cast("dict[bytes, bytes]", client.hgetall(META_KEY))
    check_deployment(address, meta.get(b"protocol", b""))
    count = meta.get(b"partitions", b"")
    if not count.isdigit() or not 1 <= int(count[:9]) <= MAX_PARTITIONS:
        raise BusError(f"The deployment at {address} has {count!r} partitions in {META_KEY}.")
    return int(count)


def counters_from(row: Mapping[bytes, bytes]) -> CameraCounters:
    """Return the counters in a camera's hash."""
    cam = {name.decode(): value for name, value in row.items()}

    def count(name: str) -> int:
        return int(cam.get(name, b"0"))

    def by_reason(prefix: str) -> dict[str, int]:
        return {
            name.removeprefix(prefix): int(cam[name]) for name in cam if name.startswith(prefix)
        }

    return CameraCounters(
        published=count("published"),
        poses=count("poses"),
        gaps_by_reason=by_reason("gap:"),
        read=count("read"),
        skipped_by_reason=by_reason("skip:"),
        sessions_ended=count("ends"),
        clock_repairs=count("repairs"),
        in_flight=max(0, count("next") - 1 - count("committed")),
    )


def _heartbeat(name: bytes, row: bytes) -> Heartbeat | None:
    try:
        return decode_heartbeat(name.decode("utf-8", "replace"), row)
    except DecodeError as error:
        _log.warning("row %r of %s is removed: %s", name[:80], WORKERS_KEY, error)
        return None
