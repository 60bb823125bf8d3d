"""What the tests of jobs share: the known content of a store, and commands run as a user does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from ghostpose.types import EventMessage, Person, PoseMessage

if TYPE_CHECKING:
    from pathlib import Path

HALL, DOOR = "hall", "door"
FIRST, SECOND = 1_700_000_000_000, 1_700_000_100_000
"""Sessions of the hall; the door has the first only."""

BEGIN = 1_700_000_000.0
FRAMES = 40


class Command(Protocol):
    def __call__(self, *arguments: str | Path, code: int = 0) -> str: ...


def person(camera: str, number: int, x: float) -> Person:
    """Somebody 100 px high at x, the right wrist not seen."""
    keypoints_k3 = np.zeros((18, 3), np.float32)
    keypoints_k3[:, 0] = x + np.arange(18)
    keypoints_k3[:, 1] = 100 + 5 * np.arange(18)
    keypoints_k3[:, 2] = 0.8
    keypoints_k3[4] = 0
    return Person(0.75, (x, 95.0, 40.0, 100.0), keypoints_k3, f"{camera}-{number}")


def message(camera: str, session: int, seq: int) -> PoseMessage:
    """Ten frames a second; each fifth one is empty, the others have two people who walk."""
    people = () if seq % 5 == 4 else (person(camera, 1, 10 + seq), person(camera, 2, 300 - seq))
    later_s = (session - FIRST) / 1000 + seq / 10
    return PoseMessage(camera, session, seq, BEGIN + later_s, seq / 10, 640, 480, people)


def event(kind: str, seq: int, track: int, **details: object) -> EventMessage:
    known = {"captured_at": BEGIN + seq / 10, "media_time": seq / 10, "track": f"{HALL}-{track}"}
    return EventMessage(kind, HALL, FIRST, seq, known | details)  # type: ignore[arg-type]


EVENTS = (
    event("enter", 3, 1, zone="till"),
    event("leave", 30, 1, zone="till"),
    event("cross", 12, 2, line="entrance", direction="in"),
    event("fall", 20, 2),
)
