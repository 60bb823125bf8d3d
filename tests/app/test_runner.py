"""What comes before and after a run."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

import app.runner
from app.runner import RunRequest, run_request
from ghostpose.config import CameraConfig, GhostposeConfig
from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

PATTERN = GhostposeConfig(cameras=(CameraConfig(name="a", source="pattern:"),))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_sources_are_looked_at_ends_the_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: signal.Signals
) -> None:
    # To this thread: one that another thread takes is told later, anywhere in the test's process.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    monkeypatch.setattr(app.runner, "probe_all", lambda _: signal.raise_signal(number))
    former = signal.getsignal(number)
    with pytest.raises(SystemExit) as caught:
        run_request(RunRequest(PATTERN, tmp_path / "out", embedded=True))
    assert caught.value.code == 128 + number
    assert not (tmp_path / "out").exists()
    assert signal.getsignal(number) is former


def test_an_output_that_can_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "poses.jsonl").mkdir()
    with pytest.raises(ConfigError, match=r"poses\.jsonl can't be written there: Is a directory"):
        run_request(RunRequest(PATTERN, tmp_path, embedded=True))
