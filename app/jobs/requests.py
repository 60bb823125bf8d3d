"""What jobs are asked to do, as frozen models: written to the queue as JSON, checked when read.

Neither server nor database is named: whoever does a job has those of its own (`Site`), so that no
password is ever in a queue. Paths hold on every machine that works on jobs. Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path  # noqa: TC003 - pydantic reads annotations when models are made
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, model_validator

from ghostpose.config import CameraConfig  # noqa: TC001 - as above
from ghostpose.frozen import Frozen

ExportFormat = Literal["parquet", "csv", "coco", "mot"]


@dataclass(frozen=True, slots=True)
class Site:
    """Where a job is done: the deployment's server, and the database, None if it has none.

    `folders`: all that its paths may lead to, as they are really called; none = no bound.
    """

    redis_url: str
    store_url: str | None
    folders: tuple[Path, ...] = ()


class Selection(Frozen):
    """Which stored poses: of these cameras (none = all), one session or all, since and until."""

    cameras: tuple[str, ...] = ()
    session: int | None = Field(default=None, ge=0)
    since: float | None = None
    until: float | None = None

    @model_validator(mode="after")
    def _time_goes_on(self) -> Selection:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("since must be before until")
        return self

    def __str__(self) -> str:
        words = [", ".join(self.cameras) or "all cameras"]
        if self.session is not None:
            words.append(f"session {self.session}")
        if self.since is not None:
            words.append(f"from {local_time(self.since)}")
        if self.until is not None:
            words.append(f"until {local_time(self.until)}")
        return ", ".join(words)


class Analyze(Frozen):
    """Play a recording through the deployment until its poses are stored."""

    kind: Literal["analyze"] = "analyze"
    camera: CameraConfig


class ExportResults(Frozen):
    """Write stored poses to files of a common format."""

    kind: Literal["export-results"] = "export-results"
    selection: Selection
    format: ExportFormat
    output: Path


class Render(Frozen):
    """Draw stored poses into the recording they came from; no session = the newest."""

    kind: Literal["render"] = "render"
    camera: CameraConfig
    session: int | None = Field(default=None, ge=0)
    output: Path


class Report(Frozen):
    """Sum up what one camera saw, as a page."""

    kind: Literal["report"] = "report"
    selection: Selection
    output: Path


class Retain(Frozen):
    """Remove from the store what came longer ago than so many days, and the oldest above a size."""

    kind: Literal["retention"] = "retention"
    keep_days: float | None = Field(default=None, gt=0)
    max_gb: float | None = Field(default=None, gt=0)


AnyRequest = Analyze | ExportResults | Render | Report | Retain

REQUEST: Final[TypeAdapter[AnyRequest]] = TypeAdapter(
    Annotated[AnyRequest, Field(discriminator="kind")]
)
"""Reads any of them, told apart by `kind`."""


def local_time(at: float) -> str:
    """Return a moment for people, by this machine's time zone."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
