"""How a post-processing worker is set up."""

from __future__ import annotations

from dataclasses import dataclass, field

from ghostpose.bus.lease import DEFAULT_TTL_S
from postprocess.grouping import GroupingOptions
from postprocess.tracking import TrackerOptions


@dataclass(frozen=True, slots=True)
class PostprocessOptions:
    """Grouping, tracking, and how partitions are held."""

    grouping: GroupingOptions = field(default_factory=GroupingOptions)
    tracking: TrackerOptions = field(default_factory=TrackerOptions)

    traces_url: str | None = None
    trace_every: int = 100
    """A collector that is told of one frame in so many; None: nobody is told."""

    lease_ttl_s: float = DEFAULT_TTL_S
    """How long a partition stands still after its worker was killed; renewed five times within."""
