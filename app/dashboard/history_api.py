"""A camera's last minutes: people over time, tracks, heat map, events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from app.dashboard.access import TheContext, Viewer
from app.dashboard.cameras_api import Name
from app.dashboard.history import History, Moment, history_of, moment_of
from ghostpose.bus import Bus
from ghostpose.codec.entries import StreamEntry
from ghostpose.codec.poses import decode_event, decode_pose
from ghostpose.errors import DecodeError
from ghostpose.server import translated
from ghostpose.types import CAMERA_EVENTS

if TYPE_CHECKING:
    from app.dashboard.context import Context

MAX_SAMPLES: Final = 400
"""Pose messages that are looked at for one answer: a chart has no more columns."""

FASTEST_S: Final = 0.5
"""Samples are no closer together."""

EVENTS_LOOKED_AT: Final = 400

router = APIRouter(prefix="/api", tags=["history"])

MAX_MINUTES: Final = 31 * 1440
"""A store is asked for no more than a month at a time."""

Minutes = Annotated[float, Query(gt=0, le=MAX_MINUTES)]


class EventRow(BaseModel):
    """Something that happened. `at`: Unix seconds by the server's clock."""

    at: float
    kind: str
    session: int
    seq: int
    details: dict[str, object]


@router.get("/cameras/{name}/history")
async def history(name: Name, _: Viewer, context: TheContext, minutes: Minutes = 15) -> History:
    """Tell of the last minutes: from the store, or as far as the camera's stream holds them."""
    async with context.histories:
        return await asyncio.to_thread(_history, name, context, minutes)


def _history(name: str, context: Context, minutes: float) -> History:
    bus = context.bus
    end_ms = bus.server_time_ms()
    begin_ms = end_ms - round(60_000 * minutes)
    if context.store is not None:
        engine = context.store.engine()
        from app.dashboard.stored_history import read_stored_history

        return read_stored_history(engine, name, begin_ms / 1000, end_ms / 1000)
    every_ms = max(1000 * FASTEST_S, (end_ms - begin_ms) / MAX_SAMPLES)
    moments = _moments(bus, name, begin_ms, end_ms, every_ms)
    return history_of(moments, begin_ms / 1000, end_ms / 1000, every_ms / 1000)


@router.get("/cameras/{name}/events")
def events(
    name: Name, _: Viewer, context: TheContext, about: Literal["people", "all"] = "people"
) -> list[EventRow]:
    """Tell of the newest events, the newest first; of people, or of the camera itself as well."""
    with translated(context.bus.address):
        entries: Any = context.bus.client.xrevrange(
            context.bus.keys.events(name), count=EVENTS_LOOKED_AT
        )
    rows = [_event(StreamEntry(entry_id.decode(), fields)) for entry_id, fields in entries]
    kept = [r for r in rows if r and (about == "all" or r.kind not in CAMERA_EVENTS)]
    return kept[:100]


def _event(entry: StreamEntry) -> EventRow | None:
    try:
        event = decode_event(entry.fields.get(b"d", b""))
    except DecodeError:
        return None  # readers of the stream have said so
    return EventRow(
        at=entry.at_ms / 1000,
        kind=event.kind,
        session=event.session,
        seq=event.seq,
        details=dict(event.details),
    )


def _moments(bus: Bus, camera: str, begin_ms: int, end_ms: int, every_ms: float) -> list[Moment]:
    """Return one moment of each stretch of `every_ms`: the first message in it."""
    key, count = bus.keys.poses(camera), round((end_ms - begin_ms) / every_ms)
    with translated(bus.address), bus.client.pipeline(transaction=False) as batch:
        for number in range(count):
            low_ms = begin_ms + round(number * every_ms)
            high_ms = begin_ms + round((number + 1) * every_ms) - 1
            batch.xrange(key, str(low_ms), str(high_ms), count=1)
        replies: list[Any] = batch.execute()
    moments = []
    for entries in replies:
        for entry_id, fields in entries:
            moment = _moment(StreamEntry(entry_id.decode(), fields))
            if moment is not None:
                moments.append(moment)
    return moments


def _moment(entry: StreamEntry) -> Moment | None:
    try:
        pose = decode_pose(entry.fields.get(b"d", b""))
    except DecodeError:
        return None  # readers of the stream have said so
    return moment_of(entry.at_ms / 1000, pose.people, pose.width, pose.height)
