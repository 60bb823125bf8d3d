"""Where somebody stands in the picture: zones, lines and the ground judge people by their feet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ghostpose.skeleton import KEYPOINTS

if TYPE_CHECKING:
    from ghostpose.types import Person

ANKLES: Final = (KEYPOINTS.index("right_ankle"), KEYPOINTS.index("left_ankle"))

_FOOT_BELOW_ANKLE: Final = 0.04
"""How far below the ankles the soles are, in heights of the body's box."""


def foot_of(person: Person) -> tuple[float, float]:
    """Return the middle between the feet, in pixels; of hidden feet, that of the box's lower edge.

    With one ankle seen, it is below that one.
    """
    left, top, width, height = person.box
    ankles = [person.keypoints_k3[index] for index in ANKLES]
    seen = [ankle for ankle in ankles if ankle[2] > 0]
    if not seen:
        return left + width / 2, top + height
    x = sum(float(ankle[0]) for ankle in seen) / len(seen)
    y = sum(float(ankle[1]) for ankle in seen) / len(seen)
    return x, y + _FOOT_BELOW_ANKLE * height
