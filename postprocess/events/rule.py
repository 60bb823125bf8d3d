"""What a rule is: a pure function from the people of a frame, and what it remembers, to events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ghostpose.types import EventKind
    from postprocess.events.sightings import Moment, Sighting

GONE_S: Final = 2.0
"""Who has not been seen for so long has left: longer than most are hidden by others."""

Memory = Mapping[int, tuple[float, ...]]
"""What a rule remembers of each track, by its number (from 1); 0 is the rule's own row.

Numbers only, so that all rules' memories are stored alike, with each commit.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something happened. `number`: whose track, None if nobody's; `since_seq`: the first frame
    that shows it; `details` go into the event.
    """

    kind: EventKind
    number: int | None
    since_seq: int
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of one frame: what happened, and what it remembers from now on."""

    findings: Sequence[Finding]
    memory: Memory


Rule = Callable[["Sequence[Sighting]", "Moment", Memory], Verdict]
