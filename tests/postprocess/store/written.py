"""Messages for the store's tests, and writing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import samples

from ghostpose.types import EventMessage, FrameId, PoseMessage
from postprocess.store import Batch, write_batch

if TYPE_CHECKING:
    from sqlalchemy import Engine

SESSION = 5


def pose(seq: int, people: int = 2, camera: str = "yard", session: int = SESSION) -> PoseMessage:
    """Return a frame of people 0, 1 ..., captured `seq` tenths of a second after 1.7e9."""
    return samples.pose(FrameId(camera, session, seq, seq + 1), people)


def event(kind, seq: int = 0, camera: str = "yard", **details: object) -> EventMessage:
    return EventMessage(kind, camera, SESSION, seq, details)


def end_of_session() -> EventMessage:
    return event("session_end", 4, frames_read=7, skipped={"rate": 3}, clock_repairs=2, published=4)


def write(engine: Engine, *messages: PoseMessage | EventMessage) -> None:
    poses = [m for m in messages if isinstance(m, PoseMessage)]
    events = [m for m in messages if isinstance(m, EventMessage)]
    with engine.begin() as connection:
        write_batch(connection, Batch(poses, events))
