"""What a user may set about grouping. Defaults were chosen on training pictures, never on val."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ghostpose.errors import InvalidValueError

MatchingMethod = Literal["hungarian", "greedy"]


@dataclass(frozen=True, slots=True)
class GroupingOptions:
    """Thresholds and limits of the five steps.

    Raises:
        InvalidValueError: a value is outside the range its sentence gives.
    """

    peak_threshold: float = 0.04
    """A local maximum of a confidence map must be above this; confidence, 0..1."""

    max_peaks: int = 256
    """Most peaks kept of each key point, the strongest; those left out are counted; 1..4096."""

    limb_samples: int = 6
    """Places along a limb where its affinity field is read; 2..64."""

    sample_threshold: float = 0.02
    """A sample agrees when the field along the limb is above this; share of a unit vector, 0..1."""

    min_agreement: float = 0.8
    """Share of a limb's samples that must agree; above 0, at most 1."""

    free_length: float = 0.5
    """Limbs longer than this lose score; share of the picture's height, above 0."""

    matching: MatchingMethod = "hungarian"
    """`hungarian`: the best matching as a whole; `greedy`: strongest limb first."""

    min_keypoints: int = 3
    """People with fewer key points are dropped; 1..18."""

    min_mean_score: float = 0.2
    """People whose key points' mean score is below this are dropped; confidence, 0..1."""

    min_score: float = 0.2
    """People whose own score (see `select_people`) is below this are dropped; 0..1."""

    def __post_init__(self) -> None:
        _check("peak_threshold", self.peak_threshold, 0, 1)
        _check("max_peaks", self.max_peaks, 1, 4096)
        _check("limb_samples", self.limb_samples, 2, 64)
        _check("sample_threshold", self.sample_threshold, 0, 1)
        _check("min_agreement", self.min_agreement, 1e-6, 1)
        _check("free_length", self.free_length, 1e-6, math.inf)
        _check("min_keypoints", self.min_keypoints, 1, 18)
        _check("min_mean_score", self.min_mean_score, 0, 1)
        _check("min_score", self.min_score, 0, 1)
        if self.matching not in ("hungarian", "greedy"):
            raise InvalidValueError(
                f"grouping: matching must be 'hungarian' or 'greedy', got {self.matching!r}"
            )


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InvalidValueError(f"grouping: {name} must be within {low}..{high}, got {value}")
