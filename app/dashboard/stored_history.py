"""A camera's history from the store, where one is given: as far back as it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.dashboard.history import (
    HEAT_COLUMNS,
    HEAT_ROWS,
    MAX_TRACKS,
    History,
    PeoplePoint,
    Stay,
    TrackLine,
)
from app.jobs.stored import store_errors_told
from postprocess.store.queries import foot_counts, longest_tracks, people_counts

if TYPE_CHECKING:
    from sqlalchemy import Engine

POINTS: Final = 400
"""Points of a chart: it has no more columns."""


def read_stored_history(engine: Engine, camera: str, begin: float, end: float) -> History:
    """Return a stretch of a camera's time, Unix seconds: people as means of `POINTS` parts of it.

    Raises:
        StoreError: the database can't be used (now).
    """
    every_s = (end - begin) / POINTS
    cells = [[0] * HEAT_COLUMNS for _ in range(HEAT_ROWS)]
    with store_errors_told():
        counts = people_counts(engine, camera, begin, end, every_s)
        kept, tracks = longest_tracks(engine, camera, begin, end, MAX_TRACKS)
        for feet in foot_counts(engine, camera, begin, end, rows=HEAT_ROWS, columns=HEAT_COLUMNS):
            cells[feet.row][feet.column] = feet.times
    return History(
        begin=begin,
        end=end,
        every_s=every_s,
        people=tuple(PeoplePoint(one.begins_at, round(one.mean, 2)) for one in counts),
        tracks=tuple(
            TrackLine(one.track, (Stay(max(begin, one.first_at), min(end, one.last_at)),))
            for one in kept
        ),
        dropped_tracks=tracks - len(kept),
        heat_rc=tuple(map(tuple, cells)),
    )
