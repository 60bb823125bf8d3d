"""What can be tuned in the tracker, with units and the reason of each default."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from ghostpose.errors import InvalidValueError


@dataclass(frozen=True, slots=True)
class TrackerOptions:
    """What the tracker believes of people and of their sightings.

    Tuned on TUD-Campus, the first half of vtest.avi and synthetic streets, at all, a half, a third
    and a fifth of their frames; the second half of vtest.avi was kept for the record.

    All times are media time, all lengths are body heights, so that neither the frame rate nor how
    far away people are bends anything.
    """

    confident_score: float = 0.30
    """A person with at least this score takes part in the first round of association.

    A weaker one can continue a track but not begin one: a bone or two are no person.
    """

    birth_score: float = 0.40
    """An unmatched person with at least this score is a new track, reported at once.

    A weaker one is remembered and reported from its second sighting on: single ghosts never show.
    """

    second_skeleton: float = 0.3
    """Nobody is born who is this much like a track that a stronger person goes on (0 to 1).

    Grouping at times leaves an arm or a leg over: that is a second skeleton of the same body.
    """

    fresh_s: float = 1.0
    """Weak people are matched with tracks that were seen within this time, seconds."""

    weak_affinity: float = 0.3
    """As `min_affinity`, for weak people."""

    tentative_s: float = 0.6
    """How long a weak first sighting waits for its second."""

    max_lost_s: float = 6.0
    """How long a track that nobody matches can still come back: the re-appearance window."""

    min_affinity: float = 0.10
    """Pairs of track and person less alike than this (0 to 1) are never matched."""

    box_weight: float = 3.0
    """The overlap of the body boxes counts as much as this many shared key points."""

    oks_scale: float = 0.45
    """Square root of the area in OKS, in body heights (a standing person covers a fifth)."""

    limb_swing: float = 3.0
    """How much wider OKS gets per second since a key point was seen: limbs swing meanwhile."""

    acceleration: float = 0.35
    """Spread of the velocity after one second, body heights / s^1.5."""

    start_speed: float = 1.0
    """Spread of a new track's unknown velocity, body heights / s."""

    measurement: float = 0.03
    """Spread of a body's measured position, body heights."""

    few_points: float = 4.0
    """How much more a body's position is doubted when few of its key points are seen."""

    outlier: float = 0.05
    """A key point this far from where the others say that it is tells half as much of its body."""

    crowd_doubt: float = 5.0
    """How much less certain a body's position is where another covers it entirely."""

    inside_share: float = 0.5
    """A lost track has left if no more of its body box than this is inside the picture."""

    whole_share: float = 0.95
    """Somebody less of whose body box is inside the picture is at its edge: just coming in."""

    velocity_decay_s: float = 3.0
    """People out of sight slow down: the time in which a predicted velocity falls to 1 / e."""

    size_memory_s: float = 1.0
    """Time constant of the body height's average."""

    min_cutoff_hz: float = 1.0
    """One-Euro: cut-off for a key point at rest relative to the body."""

    speed_cutoff: float = 12.0
    """One-Euro's beta: Hz more cut-off per body height / s of speed relative to the body."""

    slope_cutoff_hz: float = 2.0
    """One-Euro: cut-off of the speed itself."""

    smoothing_memory_s: float = 0.5
    """A key point not seen for longer starts its smoothing anew."""

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if not (math.isfinite(value) and value > 0):
                raise InvalidValueError(f"tracker option {option.name} {value} must be > 0")
