"""The fleet: processes, partitions, servers, dead letters, and what was changed by whom."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from app.dashboard.access import Admin, TheAddress, TheContext, Viewer
from app.dashboard.audit import AuditEntry
from app.dashboard.fleet import Fleet, read_fleet
from ghostpose.bus import Bus
from ghostpose.bus.letters import letter, letters, purge, replay
from ghostpose.codec.letters import DeadLetter
from ghostpose.errors import InvalidValueError

router = APIRouter(prefix="/api", tags=["fleet"])

MAX_LETTERS: Final = 200
"""Letters listed, or sent in again, at a time: they come with up to 64 KB each."""


class LetterRow(BaseModel):
    """A frame that was given up. `at`: Unix seconds; `can_replay`: all of it was kept."""

    letter: str
    at: float
    camera: str | None
    session: int | None
    seq: int | None
    why: str
    detail: str
    can_replay: bool


class Letters(BaseModel):
    """The oldest dead letters of each partition; `more`: there are others."""

    letters: list[LetterRow]
    more: bool


class Chosen(BaseModel):
    """Names of dead letters."""

    letters: Annotated[list[str], Field(min_length=1, max_length=MAX_LETTERS)]


class Replayed(BaseModel):
    """What became of a letter: the frame that it is now, or what is wrong with it."""

    letter: str
    frame: str
    problem: str


@router.get("/fleet")
def fleet(_: Viewer, context: TheContext) -> Fleet:
    """Tell what runs now, and what waits."""
    return read_fleet(context.bus)


@router.get("/dead")
def dead(_: Viewer, context: TheContext) -> Letters:
    """List frames that were given up."""
    found = list(islice(letters(context.bus), MAX_LETTERS + 1))
    return Letters(
        letters=[_row(one) for one in found[:MAX_LETTERS]], more=len(found) > MAX_LETTERS
    )


@router.post("/dead/replay")
def replay_letters(
    given: Chosen, who: Admin, address: TheAddress, context: TheContext
) -> list[Replayed]:
    """Send frames in again, as frames of cameras `CAMERA.replay`."""
    chosen = _chosen(context.bus, given.letters)
    sent = [
        Replayed(letter=one.name, frame=frame, problem=problem)
        for one, frame, problem in replay(context.bus, chosen)
    ]
    count = sum(1 for one in sent if one.frame)
    context.audit.note(who, address, "replayed dead letters", f"{count}", letters=given.letters)
    return sent


@router.post("/dead/purge")
def purge_letters(given: Chosen, who: Admin, address: TheAddress, context: TheContext) -> int:
    """Throw letters away; return how many of them were still there."""
    count = purge(context.bus, _chosen(context.bus, given.letters))
    context.audit.note(who, address, "purged dead letters", f"{count}", letters=given.letters)
    return count


@router.get("/audit")
def audit(
    _: Admin, context: TheContext, count: Annotated[int, Query(ge=1, le=500)] = 100
) -> list[AuditEntry]:
    """Tell what was changed by way of a dashboard, the newest first."""
    return context.audit.newest(count)


def _chosen(bus: Bus, names: list[str]) -> list[DeadLetter]:
    try:
        return [letter(bus, name) for name in names]
    except InvalidValueError as error:
        raise HTTPException(404, str(error)) from error


def _row(one: DeadLetter) -> LetterRow:
    frame = one.frame
    try:
        one.frame_message()
    except InvalidValueError:
        can_replay = False
    else:
        can_replay = True
    return LetterRow(
        letter=one.name,
        at=one.buried_ms / 1000,
        camera=frame.camera if frame else None,
        session=frame.session if frame else None,
        seq=frame.seq if frame else None,
        why=one.why,
        detail=one.detail,
        can_replay=can_replay,
    )
