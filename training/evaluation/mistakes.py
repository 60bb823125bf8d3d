"""What goes wrong, by key point: jitter, inversion, swap, miss (Ronchi and Perona, 2017).

Shape legend: k the 18 key points; 3 = x, y, score (found) or labelled (truth).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from ghostpose.skeleton import KEYPOINTS, MIRROR
from training.evaluation.scores import NECK, LabelledPerson, keypoint_similarity, pair_people

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ghostpose.types import FloatArray

Mistake = Literal["good", "jitter", "inversion", "swap", "miss"]
"""`good`: on the spot; `jitter`: near it; `inversion`: on the other side's of the same person;
`swap`: on the same key point, either side's, of another person; `miss`: elsewhere or not found."""

MISTAKES: Final[tuple[Mistake, ...]] = ("good", "jitter", "inversion", "swap", "miss")

GOOD: Final = 0.85
"""A similarity from here on is good."""

NEAR: Final = 0.5
"""A similarity from here on is near."""


@dataclass(slots=True)
class MistakeTable:
    """How many labelled key points, by name, were found how."""

    counts: dict[str, dict[Mistake, int]] = field(
        default_factory=lambda: {
            name: dict.fromkeys(MISTAKES, 0) for name in KEYPOINTS if name != KEYPOINTS[NECK]
        }
    )

    def add(self, found: Sequence[FloatArray], people: Sequence[LabelledPerson]) -> None:
        """Count one picture's people; a person not found at all misses every key point."""
        pairs = {person: index for index, person in pair_people(found, people)}
        for index, person in enumerate(people):
            found_k3 = found[pairs[index]] if index in pairs else None
            others = [other for j, other in enumerate(people) if j != index]
            for k, mistake in classify(found_k3, person, others).items():
                self.counts[KEYPOINTS[k]][mistake] += 1

    def shares(self) -> dict[str, dict[Mistake, float]]:
        """Return the counts as shares of the key point's labels, 0 to 1."""
        return {
            name: {mistake: n / max(1, sum(row.values())) for mistake, n in row.items()}
            for name, row in self.counts.items()
        }


def classify(
    found_k3: FloatArray | None, person: LabelledPerson, others: Sequence[LabelledPerson]
) -> dict[int, Mistake]:
    """Return what happened to each labelled key point of a person."""
    labelled = [k for k in np.flatnonzero(person.keypoints_k3[:, 2] > 0) if k != NECK]
    if found_k3 is None:
        return {int(k): "miss" for k in labelled}
    own_k = keypoint_similarity(found_k3, person)
    inverted_k = keypoint_similarity(found_k3, _mirrored(person))
    swapped_k = _most_similar(found_k3, others)
    return {int(k): _name(own_k[k], inverted_k[k], swapped_k[k]) for k in labelled}


def _name(own: float, inverted: float, swapped: float) -> Mistake:
    if own >= GOOD:
        return "good"
    if inverted >= NEAR and inverted > max(own, swapped):
        return "inversion"
    if swapped >= NEAR and swapped > own:
        return "swap"
    return "jitter" if own >= NEAR else "miss"


def _most_similar(found_k3: FloatArray, others: Sequence[LabelledPerson]) -> NDArray[np.float64]:
    """Return each found key point's similarity to the nearest of its kind on anybody else."""
    both = [p for other in others for p in (other, _mirrored(other))]
    similar = [keypoint_similarity(found_k3, person) for person in both]
    result: NDArray[np.float64] = np.max([np.zeros(len(KEYPOINTS)), *similar], axis=0)
    return result


def _mirrored(person: LabelledPerson) -> LabelledPerson:
    """Return the person with the sides' names exchanged."""
    return LabelledPerson(person.keypoints_k3[list(MIRROR)], person.area, person.side_px)
