"""The fall: somebody who stood lies on the ground, and stays there."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from ghostpose.feet import ANKLES
from ghostpose.skeleton import KEYPOINTS
from postprocess.events.rule import GONE_S, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postprocess.events.rule import Memory
    from postprocess.events.sightings import Moment, Sighting

UPRIGHT_DEG: Final = 35.0
LYING_DEG: Final = 60.0
"""The trunk's angle to the vertical: below the one somebody is upright, above the other lying."""

LYING_SHARE: Final = 0.5
"""Who lies along the line of sight has a trunk that looks upright, but spans, from head to feet, no
more than so much of the height it had when it stood."""

CONFIRM_S: Final = 1.0
"""How long somebody must lie before it is a fall: tying shoes takes less."""

FALLING_S: Final = 3.0
"""Who lay down more slowly than this did not fall."""

_NECK: Final = KEYPOINTS.index("neck")
_HIPS: Final = (KEYPOINTS.index("right_hip"), KEYPOINTS.index("left_hip"))
_HEAD: Final = tuple(KEYPOINTS.index(n) for n in ("nose", "right_eye", "left_eye", "neck"))

Stance = Literal["upright", "lying", "between"]


@dataclass(frozen=True, slots=True)
class Story:
    """What is remembered of a track: when it was upright and how tall, since when it lies (NaN: it
    doesn't).
    """

    upright_at: float = -math.inf
    height_px: float = 0.0
    lying_since: float = math.nan
    lying_seq: float = -1.0
    is_told: float = 0.0
    seen_at: float = 0.0


def watch_falls(people: Sequence[Sighting], now: Moment, memory: Memory) -> Verdict:
    """Tell who fell."""
    stories = {number: Story(*row) for number, row in memory.items()}
    findings = []
    for person in people:
        story = _continued(stories.get(person.number, Story()), person, now)
        if _is_fall(story, now):
            story = replace(story, is_told=1.0)
            findings.append(Finding("fall", person.number, int(story.lying_seq)))
        stories[person.number] = replace(story, seen_at=now.media_time)
    kept = {n: astuple(s) for n, s in stories.items() if now.media_time - s.seen_at <= GONE_S}
    return Verdict(findings, kept)


def stance_of(person: Sighting, height_px: float) -> Stance | None:
    """Return how a person of this height holds itself; None: too few key points to tell."""
    neck = person.point(_NECK)
    hips = [point for index in _HIPS if (point := person.point(index)) is not None]
    if neck is None or not hips:
        return None
    across = sum(x for x, _ in hips) / len(hips) - neck[0]
    down = sum(y for _, y in hips) / len(hips) - neck[1]
    lean_deg = math.degrees(math.atan2(abs(across), down))
    if lean_deg > LYING_DEG or _span(person) < LYING_SHARE * height_px:
        return "lying"
    return "upright" if lean_deg < UPRIGHT_DEG else "between"


def _span(person: Sighting) -> float:
    """Return how many rows there are from head to feet; infinite if either isn't seen."""
    tops = [point[1] for index in _HEAD if (point := person.point(index)) is not None]
    feet = [point[1] for index in ANKLES if (point := person.point(index)) is not None]
    return abs(max(feet) - min(tops)) if tops and feet else math.inf


def _continued(story: Story, person: Sighting, now: Moment) -> Story:
    stance = stance_of(person, story.height_px)
    if stance == "upright":
        return Story(now.media_time, person.height_px)
    if stance == "lying" and math.isnan(story.lying_since):
        return replace(story, lying_since=now.media_time, lying_seq=now.seq)
    if stance == "between" and not story.is_told:
        return replace(story, lying_since=math.nan)
    return story


def _is_fall(story: Story, now: Moment) -> bool:
    """Whether it is one, and not told yet: lies for long enough, and stood shortly before."""
    return (
        not story.is_told
        and now.media_time - story.lying_since >= CONFIRM_S
        and story.lying_since - story.upright_at <= FALLING_S
    )
