"""What a run left in its store, but for what a clock said: two runs of one recording are alike."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from postprocess.store import open_for_reading, queries
from postprocess.store.frames import frames
from postprocess.store.results import Selection

if TYPE_CHECKING:
    from pathlib import Path

DATABASE = "ghostpose.sqlite"

WALL_CLOCK = {
    "poses": ("captured_at",),
    "tracks": ("first_at", "last_at"),
    "events": ("at",),
}
"""Columns that say when something was received. So do `session`, the time of its opening, which is
replaced by its place among the sessions, and `captured_at` in an event's details, left out too."""

Rows = dict[str, list[tuple[object, ...]]]


def rows_of(folder: Path) -> Rows:
    """Return all rows of a run's store in the order of their keys, bytes and all."""
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        sessions = [one for (one,) in database.execute("SELECT DISTINCT session FROM sessions")]
        place = {session: n for n, session in enumerate(sorted(sessions))}
        names = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {name: _rows(database, name, place) for name in names}


def _rows(database: sqlite3.Connection, table: str, place: dict[int, int]) -> list[tuple[Any, ...]]:
    found = database.execute(f"SELECT * FROM {table}")
    columns = [column[0] for column in found.description]
    return sorted(
        tuple(
            _without_clock(name, value, place)
            for name, value in zip(columns, row, strict=True)
            if name not in WALL_CLOCK.get(table, ())
        )
        for row in found
    )


def _without_clock(name: str, value: object, place: dict[int, int]) -> object:
    if name == "session":
        return place[value]
    if name == "details":
        details = {k: v for k, v in json.loads(str(value)).items() if k != "captured_at"}
        return json.dumps(details, sort_keys=True)
    return value


def keypoints_of(folder: Path) -> dict[tuple[str, int, str], np.ndarray]:
    """Return the key points (18, 3) of everybody in a run's store, by camera, seq and track."""
    engine = open_for_reading(f"sqlite:///{folder / DATABASE}")
    found = {
        (camera.name, frame.seq, str(person.track)): person.keypoints_k3
        for camera in queries.cameras(engine)
        for frame in frames(engine, Selection(camera.name))
        for person in frame.people
    }
    engine.dispose()
    return found


def furthest_px(one: Path, other: Path) -> float:
    """Return by how much key points of two runs differ at most.

    Infinite, if one run has a person in a frame, or a key point, that the other has not.
    """
    first, second = keypoints_of(one), keypoints_of(other)
    if first.keys() != second.keys():
        return float("inf")
    furthest = 0.0
    for key, before_k3 in first.items():
        after_k3 = second[key]
        if ((before_k3[:, 2] > 0) != (after_k3[:, 2] > 0)).any():
            return float("inf")
        furthest = max(furthest, float(np.abs(before_k3[:, :2] - after_k3[:, :2]).max()))
    return furthest
