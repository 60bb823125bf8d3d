"""Hands up: both wrists held above the head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ghostpose.skeleton import KEYPOINTS
from postprocess.events.rule import GONE_S, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postprocess.events.rule import Memory
    from postprocess.events.sightings import Moment, Sighting

CONFIRM_S: Final = 0.5
"""How long both hands must be up: who waves or stretches for a moment does not count."""

_WRISTS: Final = (KEYPOINTS.index("right_wrist"), KEYPOINTS.index("left_wrist"))
_EYES: Final = (KEYPOINTS.index("right_eye"), KEYPOINTS.index("left_eye"))
_NOSE: Final = KEYPOINTS.index("nose")
_NECK: Final = KEYPOINTS.index("neck")

_HEAD_ABOVE_NECK: Final = 0.12
"""How far the eyes are above the neck, in body heights, where the face isn't seen."""


def watch_hands_up(people: Sequence[Sighting], now: Moment, memory: Memory) -> Verdict:
    """Tell who raised both hands.

    Remembered of each track whose hands are up: since when, its seq, whether it was told, last
    seen.
    """
    rows = {n: row for n, row in memory.items() if now.media_time - row[3] <= GONE_S}
    findings = []
    for person in people:
        up = hands_are_up(person)
        if up is False:
            rows.pop(person.number, None)
        elif up:
            since, seq, told, _ = rows.get(person.number, (now.media_time, now.seq, 0.0, 0.0))
            if not told and now.media_time - since >= CONFIRM_S:
                findings.append(Finding("hands_up", person.number, int(seq)))
                told = 1.0
            rows[person.number] = (since, seq, told, now.media_time)
    return Verdict(findings, rows)


def hands_are_up(person: Sighting) -> bool | None:
    """Return whether both wrists are above the eyes; None: too few key points to tell."""
    wrists = [point for index in _WRISTS if (point := person.point(index)) is not None]
    level = _eye_level(person)
    if level is None or not wrists:
        return None
    if any(y >= level for _, y in wrists):
        return False
    return True if len(wrists) == len(_WRISTS) else None


def _eye_level(person: Sighting) -> float | None:
    face = [point[1] for index in (*_EYES, _NOSE) if (point := person.point(index)) is not None]
    if face:
        return min(face)
    neck = person.point(_NECK)
    return None if neck is None else neck[1] - _HEAD_ABOVE_NECK * person.height_px
