"""How a run ends when it is asked to, or worse: drained, exit 0, and nothing left behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from run_support import (
    Ghostpose,
    assert_complete_and_in_order,
    read_lines,
    standing_still,
    wait_until,
)

pytestmark = pytest.mark.timeout(150)


def endless(tmp_path: Path) -> Ghostpose:
    source = "pattern:fps=20&people=1&width=160&height=128"
    arguments = ("--policy", "latest", "--height", "64", "--engine", "stub:1", "--json")
    run = Ghostpose(("run", source, *arguments, "--output", str(tmp_path)))
    poses = tmp_path / "poses.jsonl"
    wait_until(lambda: poses.exists() and poses.stat().st_size > 0)
    return run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_what_is_in_flight_and_ends_well(
    tmp_path: Path, number: signal.Signals
) -> None:
    run = endless(tmp_path)
    run.process.send_signal(number)
    done = run.finish()
    assert done.code == 0, done.err
    summary = done.summary
    assert summary["frames"] == summary["poses"] + summary["skipped"] > 0
    messages = read_lines(tmp_path)
    assert len(messages) == summary["poses"]
    assert_complete_and_in_order(messages)


def test_a_second_signal_ends_a_run_at_once_and_leaves_nothing_running(tmp_path: Path) -> None:
    run = endless(tmp_path)
    status = Path(f"/proc/{run.process.pid}/status")
    with standing_still(*run.children("postprocess")):  # without which it can't be drained
        run.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not heeds(status, signal.SIGTERM))
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(60) == -signal.SIGTERM
    wait_until(lambda: run.left_running() == [])


def heeds(status: Path, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    caught = int(status.read_text(encoding="utf-8").split("SigCgt:")[1].split()[0], 16)
    return bool(caught >> (number - 1) & 1)


def test_a_killed_run_leaves_nothing_running(tmp_path: Path) -> None:
    run = endless(tmp_path)
    run.process.kill()
    run.process.wait()
    wait_until(lambda: run.left_running() == [])


def test_a_crash_of_ingest_ends_the_run_with_a_sentence(tmp_path: Path) -> None:
    run = endless(tmp_path)
    (supervisor,) = [p for p in run.children("ingest") if parent_of(p) == run.process.pid]
    os.kill(supervisor, signal.SIGKILL)
    done = run.finish()
    assert done.code == 1
    assert done.err.splitlines()[-1] == (
        "ghostpose: stopped, since ingest 1 ended with signal SIGKILL"
    )


def parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("PPid:")[1].split()[0])
