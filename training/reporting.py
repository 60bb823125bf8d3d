"""Tells how a run goes: averages over the last steps, for a progress bar and TensorBoard."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.trainer import StepReport

_SMOOTHING: Final = 0.98
"""Share of the old average that a step leaves."""


@dataclass(frozen=True, slots=True)
class Averages:
    """Losses and speed, averaged over about the last 50 steps."""

    step: int
    progress: float
    remaining_s: float
    crops_per_s: float
    learning_rate: float
    gradient_norm: float
    loss: float
    pcm: float
    paf: float
    neck: float
    damaged: int

    def __str__(self) -> str:
        return (
            f"step {self.step}  {self.progress:.1%}  loss {self.loss:.4f}  pcm {self.pcm:.4f}  "
            f"paf {self.paf:.4f}  neck {self.neck:.4f}  norm {self.gradient_norm:.2f}  "
            f"lr {self.learning_rate:.2e}  {self.crops_per_s:.2f} crops/s  "
            f"{self.remaining_s / 60:.0f} min left  {self.damaged} damaged"
        )


class AverageReporter:
    """Averages what every step reports and passes it on every `every_steps` steps.

    PCM and PAF losses are the initial stage's, which every step trains; the speed is that since
    this process started.
    """

    def __init__(self, every_steps: int, *pass_on: Callable[[Averages], None]) -> None:
        self._every, self._pass_on = every_steps, pass_on
        self._means: dict[str, float] = {}
        self._seen = 0
        self._started_at = time.monotonic()
        self._first_progress = 0.0

    def on_step(self, report: StepReport) -> None:
        """Take note of one step."""
        if not self._seen:
            self._first_progress = report.progress
        self._seen += 1
        pcm, paf = report.losses.stages[0]
        neck = report.losses.neck
        self._mix("loss", float(report.losses.total.detach()))
        self._mix("pcm", float(pcm.detach()))
        self._mix("paf", float(paf.detach()))
        self._mix("neck", float(neck.detach()) if neck is not None else 0.0)
        self._mix("gradient_norm", report.gradient_norm)
        if self._seen == 1 or (report.step + 1) % self._every == 0:
            averages = self._averages(report)
            for receiver in self._pass_on:
                receiver(averages)

    def _mix(self, name: str, value: float) -> None:
        keep = min(_SMOOTHING, 1 - 1 / self._seen)
        self._means[name] = keep * self._means.get(name, 0.0) + (1 - keep) * value

    def _averages(self, report: StepReport) -> Averages:
        spent_s = max(time.monotonic() - self._started_at, 1e-9)
        done = max(report.progress - self._first_progress, 1e-9)
        return Averages(
            step=report.step,
            progress=report.progress,
            remaining_s=spent_s * (1 - report.progress) / done if self._seen > 1 else 0.0,
            crops_per_s=self._seen * report.crops / spent_s,
            learning_rate=report.learning_rate,
            damaged=report.damaged,
            **self._means,
        )
