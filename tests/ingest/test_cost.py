"""What a process takes of the processors."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from ingest import cost
from ingest.cost import CostMeter

BUSY = "while True: pass"
IDLE = "import time; time.sleep(60)"


@pytest.mark.parametrize(("program", "low", "high"), [(BUSY, 0.05, 1.1), (IDLE, 0.0, 0.05)])
def test_a_busy_process_costs_more_than_an_idle_one(
    program: str, low: float, high: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "OPENING_S", 0.3)
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        try:
            meter = CostMeter(process.pid)
            until = time.monotonic() + 2.5
            while time.monotonic() < until:
                meter.measure()
                time.sleep(0.25)
        finally:
            process.kill()
    assert low <= meter.cores <= high
    meter.measure()  # a process that is gone is no error


def test_what_is_believed_stays_until_it_is_measured() -> None:
    with subprocess.Popen([sys.executable, "-c", IDLE]) as process:
        meter = CostMeter(process.pid, 0.5)
        meter.measure()
        process.kill()
    assert meter.cores == 0.5
