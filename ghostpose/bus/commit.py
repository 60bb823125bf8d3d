"""Committing: the one step that makes a result exist."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ghostpose.bus.dead import short_detail
from ghostpose.bus.retention import DEAD_PAYLOAD_BYTES
from ghostpose.bus.steps import Step
from ghostpose.codec.poses import encode_event, encode_pose
from ghostpose.errors import BusError, InvalidValueError, LeaseLostError
from ghostpose.topics import POSTPROCESS_GROUP
from ghostpose.types import EndMessage, EventMessage, GapMessage, MapsMessage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ghostpose.bus.connection import Bus
    from ghostpose.bus.lease import Lease
    from ghostpose.types import PoseMessage


@dataclass(frozen=True, slots=True)
class MapsDelivery:
    """One entry of a partition's maps stream: maps, a tombstone, or the end of a session.

    `damage` says what was wrong with maps that became a gap because they can't be decoded.
    """

    partition: int
    stream: str
    entry_id: str
    message: MapsMessage | GapMessage | EndMessage
    damage: str = ""


@dataclass(frozen=True, slots=True)
class CameraPosition:
    """How far a camera's commits are. `session` is that of the last commit, -1 if none."""

    session: int
    committed_ticket: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a commit appends, and to which counters of the camera it adds.

    `json_after` is the message's end where the step puts the session's counters into it; `events`
    are what happened to people in the frame, as JSON.
    """

    kind: Literal["pose", "gap", "end"]
    json: bytes
    json_after: bytes = b""
    published_ms: int = 0
    events: tuple[bytes, ...] = ()
    counters: Mapping[str, int] = field(default_factory=dict)


def pose_outcome(
    delivery: MapsDelivery, pose: PoseMessage, events: Sequence[EventMessage] = ()
) -> Outcome:
    """Return what committing a pose message for these maps, and its events, does.

    Raises:
        InvalidValueError: the pose, or an event, is of another frame.
    """
    message = delivery.message
    frame = (message.id.camera, message.id.session, message.id.seq)
    if not isinstance(message, MapsMessage) or (pose.camera, pose.session, pose.seq) != frame:
        raise InvalidValueError(
            f"pose of {pose.camera}/{pose.session}/{pose.seq} can't be committed for"
            f" {type(message).__name__} {message.id}"
        )
    if any((event.camera, event.session, event.seq) != frame for event in events):
        raise InvalidValueError(f"an event committed with {message.id} is of another frame")
    counters = {"poses": 1, "people_events": len(events)} if events else {"poses": 1}
    return Outcome(
        "pose",
        encode_pose(pose),
        published_ms=message.published_ms,
        events=tuple(map(encode_event, events)),
        counters=counters,
    )


def gap_outcome(delivery: MapsDelivery) -> Outcome:
    """Return what committing a tombstone does."""
    gap = delivery.message
    if not isinstance(gap, GapMessage):
        raise InvalidValueError(f"{gap.id}: {type(gap).__name__} is no gap")
    frame = gap.id
    event = EventMessage("gap", frame.camera, frame.session, frame.seq, {"reason": gap.reason})
    counters = {"gaps": 1, f"gap:{gap.reason}": 1}
    return Outcome("gap", encode_event(event), counters=counters)


def end_outcome(delivery: MapsDelivery) -> Outcome:
    """Return what committing the end of a session does."""
    end = delivery.message
    if not isinstance(end, EndMessage):
        raise InvalidValueError(f"{end.id}: {type(end).__name__} is no end")
    details = {
        "frames_read": end.frames_read,
        "skipped": dict(end.skipped),
        "clock_repairs": end.clock_repairs,
        "published": end.id.seq,
    }
    whole = encode_event(
        EventMessage("session_end", end.id.camera, end.id.session, end.id.seq, details)
    )
    counters = {"ends": 1, "read": end.frames_read, "repairs": end.clock_repairs}
    counters |= {f"skip:{reason}": count for reason, count in end.skipped.items()}
    # `details` comes last: the step writes the session's poses and gaps behind its last value.
    return Outcome("end", whole.removesuffix(b"}}") + b",", b"}}", counters=counters)


def commit(
    bus: Bus, lease: Lease, delivery: MapsDelivery, outcome: Outcome, state: bytes | None
) -> bool:
    """Run the commit step; False: this ticket was committed before.

    Raises:
        LeaseLostError: the lease ran out or another worker has taken the partition.
        BusError: it isn't this ticket's turn.
    """
    budget = bus.budget.now()
    of_events = budget.events_kept()
    kept = budget.poses_kept() if outcome.kind == "pose" else of_events
    reply = bus.run(
        Step.COMMIT,
        _keys(bus, lease, delivery, outcome),
        (
            lease.token,
            POSTPROCESS_GROUP,
            delivery.entry_id,
            delivery.message.id.session,
            delivery.message.id.ticket,
            outcome.kind,
            outcome.json,
            outcome.json_after,
            outcome.published_ms,
            0 if state is None else 1,
            state or b"",
            kept.count,
            kept.bytes,
            kept.age_ms,
            short_detail(delivery.damage) if delivery.damage else "",
            DEAD_PAYLOAD_BYTES,
            budget.dead_kept,
            of_events.count,
            of_events.bytes,
            of_events.age_ms,
            len(outcome.events),
            *outcome.events,
            *(word for counter in outcome.counters.items() for word in counter),
        ),
    )
    return _was_committed(reply, lease, delivery)


def _keys(bus: Bus, lease: Lease, delivery: MapsDelivery, outcome: Outcome) -> tuple[str, ...]:
    camera, keys = delivery.message.id.camera, bus.keys
    if not keys.partition_of(camera) == delivery.partition == lease.partition:
        raise InvalidValueError(
            f"{delivery.message.id} of partition {delivery.partition} can't be committed with the"
            f" lease of partition {lease.partition}"
        )
    return (
        keys.lease(lease.partition),
        keys.camera(camera),
        keys.maps(lease.partition),
        keys.poses(camera) if outcome.kind == "pose" else keys.events(camera),
        keys.state(camera),
        keys.dead(lease.partition),
        keys.events(camera),
    )


def _was_committed(reply: Any, lease: Lease, delivery: MapsDelivery) -> bool:
    frame = delivery.message.id
    if reply[0] == b"lost":
        raise LeaseLostError(
            f"{frame}: the lease of partition {lease.partition} (token {lease.token}) has run out"
            " or another worker has taken it."
        )
    if reply[0] == b"order":
        raise BusError(
            f"{frame}: ticket {frame.ticket} can't be committed after ticket"
            f" {reply[1].decode()}: it isn't its turn."
        )
    return bool(reply[0] == b"committed")
