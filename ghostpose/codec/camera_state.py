"""What a camera does right now, as its process says it in `ghostpose:camera-states`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from ghostpose.codec.checks import MAX_TIME_S, parse_json
from ghostpose.types import check_camera_name

if TYPE_CHECKING:
    from collections.abc import Mapping

CameraStatus = Literal["opening", "playing", "waiting", "frozen", "paused", "ended"]
"""What a camera does.

`opening`: its source is being opened; `playing`: pictures come; `waiting`: it is opened again
later, since it broke; `frozen`: opened, but the same picture, or a blank one, comes again and
again; `paused`: on purpose; `ended`: its process is done with it.
"""

STATE_KEPT_S: Final = 10.0
"""A state that was said longer ago is the last word of a process that is gone."""

MAX_SENTENCE_CHARS: Final = 500

_MAX_BYTES: Final = 16 * 2**10


@dataclass(frozen=True, slots=True)
class CameraCounts:
    """What became of a camera's pictures since its process started, over all sessions.

    `read = published + sum(skipped) + in_hand` at any moment, with `in_hand` 0 between sessions.
    `read` are those that came, `decoded` those that were decoded (at a low rate not all are),
    `decode_errors` those whose bytes are damaged: they are among `skipped`, too, as `decode`.
    """

    read: int = 0
    decoded: int = 0
    published: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    decode_errors: int = 0
    clock_repairs: int = 0
    reconnects: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "skipped", MappingProxyType(dict(self.skipped)))

    @property
    def in_hand(self) -> int:
        """Pictures read and neither published nor skipped yet."""
        return self.read - self.published - sum(self.skipped.values())


@dataclass(frozen=True, slots=True)
class CameraState:
    """A camera at the moment `at`.

    `since` is when `status` began. `problem` is the sentence of the last thing that went wrong,
    without any password, and `problem_at` when that was; both stay when the camera plays again.
    `session` is 0 before the first one; `source` describes what was opened last (codec, size,
    rate); `last_seen` is when the last picture came, 0 for never. All times are Unix seconds by the
    server's clock. `worker` is the name of the process in its heartbeats.
    """

    camera: str
    status: CameraStatus
    since: float
    worker: str
    host: str
    pid: int
    problem: str | None = None
    problem_at: float = 0.0
    session: int = 0
    source: str = ""
    last_seen: float = 0.0
    counts: CameraCounts = CameraCounts()
    at: float = 0.0

    def is_gone(self, now_s: float) -> bool:
        """Whether the process that said this has fallen silent, at `now_s` by the server."""
        return self.status != "ended" and now_s - self.at > STATE_KEPT_S


def encode_camera_state(state: CameraState) -> bytes:
    """Encode a camera's state as JSON."""
    counts = state.counts
    return json.dumps(
        {
            "camera": state.camera,
            "status": state.status,
            "since": state.since,
            "worker": state.worker,
            "host": state.host,
            "pid": state.pid,
            "problem": None if state.problem is None else state.problem[:MAX_SENTENCE_CHARS],
            "problem_at": state.problem_at,
            "session": state.session,
            "source": state.source,
            "last_seen": state.last_seen,
            "counts": {
                "read": counts.read,
                "decoded": counts.decoded,
                "published": counts.published,
                "decode_errors": counts.decode_errors,
                "clock_repairs": counts.clock_repairs,
                "reconnects": counts.reconnects,
            },
            "skipped": dict(counts.skipped),
            "at": state.at,
        }
    ).encode()


def decode_camera_state(data: bytes) -> CameraState:
    """Decode a camera's state.

    Raises:
        DecodeError: it is none.
    """
    row = parse_json("camera state", data, _MAX_BYTES)
    counts = row.inner("counts")
    return CameraState(
        camera=row.build(lambda: check_camera_name(row.text("camera"))),
        status=cast("CameraStatus", row.choice("status", get_args(CameraStatus))),
        since=row.number("since", 0, MAX_TIME_S),
        worker=row.text("worker"),
        host=row.text("host"),
        pid=row.integer("pid"),
        problem=None if row.any("problem") is None else row.text("problem", MAX_SENTENCE_CHARS),
        problem_at=row.number("problem_at", 0, MAX_TIME_S),
        session=row.integer("session"),
        source=row.text("source", MAX_SENTENCE_CHARS),
        last_seen=row.number("last_seen", 0, MAX_TIME_S),
        counts=CameraCounts(
            read=counts.integer("read"),
            decoded=counts.integer("decoded"),
            published=counts.integer("published"),
            skipped=row.counts("skipped"),
            decode_errors=counts.integer("decode_errors"),
            clock_repairs=counts.integer("clock_repairs"),
            reconnects=counts.integer("reconnects"),
        ),
        at=row.number("at", 0, MAX_TIME_S),
    )
