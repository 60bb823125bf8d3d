"""How an inference worker is set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ghostpose.errors import InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path

    from ghostpose.types import MapsCodec
    from workers.engines.protocol import Precision

DEFAULT_BATCH: Final = 4
"""Frames a step where the user leaves the choice to us: more gained nothing on CPUs."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Engine and habits of one inference process."""

    engine: str = "auto"
    """`auto`, `openvino`, `torch`, or `stub:MS` (see `workers.engines.stub`)."""

    device: str = "auto"
    precision: Precision = "auto"
    weights: Path | None = None
    """A weights or network file; None = the one that comes with ghostpose."""

    threads: int = 0
    """CPU threads; 0 = all cores."""

    batch: int = 0
    """Most frames in one step of the network; 0 = what suits the device."""

    maps: MapsCodec = "compact"
    """How maps travel."""

    deterministic: bool = False
    """One frame at a time in f32, so that equal pictures give equal bits."""

    expect: tuple[tuple[int, int], ...] = ()
    """Widths and heights of pictures to compile for before the first frame is taken."""

    min_idle_s: float = 6.0
    """A frame of which its worker has said nothing for so long is taken over; one that lives says
    so several times within, however long inference takes."""

    max_deliveries: int = 3
    """A frame handed out more often has killed its workers: it is buried."""

    def __post_init__(self) -> None:
        if self.batch < 0 or self.max_deliveries < 1 or self.min_idle_s <= 0:
            raise InvalidValueError(
                f"worker: batch {self.batch} must be >= 0, max_deliveries {self.max_deliveries}"
                f" >= 1 and min_idle_s {self.min_idle_s} > 0"
            )

    @property
    def batch_size(self) -> int:
        """Most frames in one step."""
        return 1 if self.deterministic else self.batch or DEFAULT_BATCH
