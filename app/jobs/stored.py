"""What of the store a job is about: its cameras' sessions, and the poses in them, in order."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from ghostpose.errors import ConfigError, StoreError, UserError
from postprocess.store import frames as stored
from postprocess.store import open_for_reading, queries, results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from app.jobs.requests import Selection
    from ghostpose.types import PoseMessage


@dataclass(frozen=True, slots=True)
class Part:
    """What is selected of one session: how many frames, and by which words of the store's."""

    camera: str
    session: int
    frames: int
    wanted: results.Selection


@contextmanager
def opened_store(address: str | None) -> Iterator[Engine]:
    """Open a database that holds poses, to read it.

    Raises:
        ConfigError: no address was given.
        StoreError: there is no such database, or it can't be used, now or within the block.
    """
    if address is None:
        raise ConfigError("which store? Give --store URL, or store.url in --config")
    with store_errors_told():
        engine = open_for_reading(address)
        try:
            yield engine
        finally:
            engine.dispose()


@contextmanager
def store_errors_told() -> Iterator[None]:
    """Turn SQLAlchemy's errors within the block into one sentence.

    Raises:
        StoreError: the database can't be used.
    """
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(error).strip().partition("\n")[0]
        raise StoreError(f"store: the database doesn't answer: {reason}") from error


def parts_of(engine: Engine, selection: Selection) -> list[Part]:
    """Return what a selection takes, by camera and session.

    Raises:
        UserError: a camera isn't in the store, or nothing is selected.
    """
    known = [camera.name for camera in queries.cameras(engine)]
    for name in selection.cameras:
        if name not in known:
            there = ", ".join(known[:10]) or "none"
            raise UserError(f"the store has no camera {name[:80]!r}; there are: {there}")
    parts = [
        part for name in selection.cameras or known for part in _parts(engine, name, selection)
    ]
    if not parts:
        raise UserError(f"the store has no poses of {selection}: choose others")
    return parts


def _parts(engine: Engine, camera: str, selection: Selection) -> Iterator[Part]:
    since, until = selection.since, selection.until
    wanted = results.Selection(camera, selection.session, since, until)
    for span in stored.spans(engine, wanted):
        of_one = results.Selection(camera, span.session, since, until)
        yield Part(camera, span.session, span.frames, of_one)


def poses_of(engine: Engine, part: Part) -> Iterator[PoseMessage]:
    """Give the frames of one part with everybody in them, in order."""
    return stored.frames(engine, part.wanted)
