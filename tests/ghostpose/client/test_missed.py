"""Counting what was trimmed before it was read."""

from __future__ import annotations

import pytest
import samples

from ghostpose.client import EventRecord, PoseRecord
from ghostpose.client.missed import Missed
from ghostpose.types import EventMessage, FrameId


def pose(session: int, seq: int) -> PoseRecord:
    message = samples.pose(FrameId("lobby", session, seq, seq + 1))
    return PoseRecord("lobby", "1-0", 1, 1, message, b"")


def event(kind: str, session: int, seq: int) -> EventRecord:
    return EventRecord("lobby", "1-0", 1, EventMessage(kind, "lobby", session, seq), b"")


@pytest.mark.parametrize(
    ("records", "missed"),
    [
        pytest.param([event("session_start", 1, 0), pose(1, 0), pose(1, 1)], 0, id="all came"),
        pytest.param([event("session_start", 1, 0), pose(1, 3)], 3, id="the first are missing"),
        pytest.param([pose(1, 7), pose(1, 8)], 0, id="who comes into the middle missed nothing"),
        pytest.param([pose(1, 7), event("gap", 1, 8), pose(1, 10)], 1, id="a gap is an outcome"),
        pytest.param([pose(1, 7), event("fall", 1, 7), pose(1, 8)], 0, id="a fall is none"),
        pytest.param([pose(1, 7), event("session_end", 1, 10)], 2, id="the last are missing"),
        pytest.param([pose(1, 7), pose(2, 2)], 2, id="the begin of the next session is missing"),
        pytest.param([pose(1, 7), pose(1, 6), pose(1, 8)], 0, id="what comes twice is not missed"),
    ],
)
def test_frames_without_an_outcome_are_counted(
    records: list[PoseRecord | EventRecord], missed: int
) -> None:
    assert sum(map(Missed().after, records)) == missed
