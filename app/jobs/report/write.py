"""From the store to the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from app.atomic_file import replaced
from app.jobs.report.figures import Figures, figures, stretch_for
from app.jobs.report.page import page
from app.jobs.stored import opened_store, parts_of
from ghostpose.errors import ConfigError
from postprocess.store import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from app.jobs.progress import Progress
    from app.jobs.requests import Report, Selection
    from postprocess.store.results import StoredSession


SAME_TIME_S: Final = 10.0
"""A camera that was opened again may seem to overlap by less: it corrects late pictures' times."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What the report is about, and its main figures."""

    camera: str
    since: float
    until: float
    frames: int
    most: int
    tracks: int
    events: int
    file: str


def write_report(request: Report, store_url: str | None, progress: Progress) -> Reported:
    """Write a page about one camera.

    Raises:
        ConfigError: the selection isn't one camera, or the file can't be made.
        UserError: the store has nothing of it.
        StoreError: there is no such store, or it can't be used.
        DiskError: the disk is full, or fails; nothing is left of the file.
    """
    progress.begin(None, "frames")
    with opened_store(store_url) as engine:
        found = _figures(engine, request.selection)
    with replaced(request.output) as part:
        part.write_text(page(found), encoding="utf-8")
    progress.reach(found.frames)
    return Reported(
        camera=found.camera,
        since=found.since,
        until=found.until,
        frames=found.frames,
        most=found.most,
        tracks=found.tracks,
        events=sum(one.count for one in found.happened),
        file=str(request.output),
    )


def _figures(engine: Engine, selection: Selection) -> Figures:
    parts = parts_of(engine, selection)
    names = sorted({part.camera for part in parts})
    if len(names) > 1:
        raise ConfigError(
            f"a report is about one camera: choose by --camera one of {', '.join(names)}"
        )
    camera, sessions = names[0], {part.session for part in parts}
    since, until = _time_of(engine, camera, sessions, selection)
    tracks = queries.tracks(engine, camera, since, until)
    events = queries.events(engine, camera, since, until)
    return figures(
        camera,
        since,
        until,
        queries.people_counts(
            engine, camera, since, until, stretch_for(until - since), selection.session
        ),
        [track for track in tracks if track.session in sessions],
        [event for event in events if event.session in sessions],
    )


def _time_of(
    engine: Engine, camera: str, sessions: set[int], selection: Selection
) -> tuple[float, float]:
    """Return the time that was asked for, or that the sessions take, to just after their end."""
    of_them = [one for one in queries.sessions(engine, camera) if one.session in sessions]
    _check_that_none_overlap(camera, of_them)
    first = min(one.first_at for one in of_them if one.first_at is not None)
    last = max(one.last_at for one in of_them if one.last_at is not None)
    since = first if selection.since is None else selection.since
    until = math.nextafter(last, math.inf) if selection.until is None else selection.until
    return since, until


def _check_that_none_overlap(camera: str, sessions: Sequence[StoredSession]) -> None:
    """Refuse to count twice: a recording that was analysed again shows the same people again."""
    spans = sorted(
        (one.first_at, one.last_at, one.session)
        for one in sessions
        if one.first_at is not None and one.last_at is not None
    )
    for (_, ended_at, former), (began_at, until, later) in pairwise(spans):
        if ended_at - began_at > min(SAME_TIME_S, (until - began_at) / 2):
            raise ConfigError(
                f"camera {camera}: its sessions {former} and {later} are of the same time, as of a"
                " recording that was analysed twice: choose one by --session"
            )
