"""How a camera's ingest ended, for the supervisor and the command line."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.counters import Tally


@dataclass(frozen=True, slots=True)
class CameraReport:
    """The end of one camera.

    `tally` is that of the last session, `sessions` how many there were. `problem` is one sentence
    for the user, None if all went well, and `exit_code` what the command line makes of it (2: what
    the user gave is wrong; a source that ended early counts as that). `stuck`: something hangs in
    the process, which must end at once and be started again.
    """

    camera: str
    tally: Tally = field(default_factory=Tally)
    sessions: int = 0
    problem: str | None = None
    exit_code: int = 0
    superseded: bool = False
    stuck: bool = False


def exit_code_of(reports: tuple[CameraReport, ...]) -> int:
    """Return the worst of the exit codes: ours (1) before the user's (2) before none (0)."""
    codes = {report.exit_code for report in reports}
    return next((code for code in (1, 2) if code in codes), max(codes, default=0))
