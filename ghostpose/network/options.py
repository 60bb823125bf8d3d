"""What defines a pose network's shape. Needs no torch, so that anyone can read a weights header."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ghostpose.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_WIDTH: Final = 4.0
MAX_REFINEMENT_STAGES: Final = 8


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """The options of a pose network; two networks with equal options have equal tensors."""

    width: float = 1.0
    """Multiplies the backbone's channels (made divisible by 4); neck and stages keep theirs."""

    squeeze_excite: bool = True
    """Whether the bottlenecks that have a squeeze-excite in the paper's Table 2 have it."""

    refinement_stages: int = 1
    """How many refinement stages follow the initial stage; 0 leaves the initial stage alone."""

    def __post_init__(self) -> None:
        if not 0.0 < self.width <= MAX_WIDTH:
            raise UserError(f"network width {self.width} is not above 0 and at most {MAX_WIDTH:g}")
        if not 0 <= self.refinement_stages <= MAX_REFINEMENT_STAGES:
            raise UserError(
                f"refinement_stages {self.refinement_stages} is not 0 to {MAX_REFINEMENT_STAGES}"
            )


PRESETS: Final[Mapping[str, NetworkOptions]] = MappingProxyType(
    {
        "pose": NetworkOptions(),
        "pose-wide": NetworkOptions(width=1.5),
        "pose-without-se": NetworkOptions(squeeze_excite=False),
    }
)


def preset(name: str) -> NetworkOptions:
    """Return the options called `name`.

    Raises:
        UserError: there is no such preset.
    """
    if name not in PRESETS:
        raise UserError(f"no network preset {name!r}: choose from {', '.join(PRESETS)}")
    return PRESETS[name]
