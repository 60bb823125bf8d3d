"""What a process takes of the processors."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from ingest import cost
from ingest.cost import CostMeter

BUSY = "print(flush=True)\nwhile True: pass"
IDLE = "print(flush=True)\nimport time; time.sleep(60)"


@pytest.mark.parametrize(("program", "low", "high"), [(BUSY, 0.02, 1.5), (IDLE, 0.0, 0.02)])
def test_a_busy_process_costs_more_than_an_idle_one(
    program: str, low: float, high: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "OPENING_S", 0.0)
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it has started, which costs something, too
            meter = CostMeter(process.pid)
            meter.measure()
            time.sleep(1.0)
            meter.measure()
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
