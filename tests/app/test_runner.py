"""What comes before and after a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from app.runner import RunRequest, _expecting, run_request
from ghostpose.config import CameraConfig, GhostposeConfig, InferenceConfig
from ghostpose.errors import ConfigError
from ingest.sources import SourceInfo

if TYPE_CHECKING:
    from pathlib import Path

PATTERN = GhostposeConfig(cameras=(CameraConfig(name="a", source="pattern:"),))


SIGNALLED = """
import os, signal, sys
from pathlib import Path
import app.runner
from app.runner import RunRequest, run_request
from ghostpose.config import CameraConfig, GhostposeConfig

number, out = int(sys.argv[1]), Path(sys.argv[2])
former = signal.getsignal(number)
app.runner.probe_all = lambda _: os.kill(os.getpid(), number)
config = GhostposeConfig(cameras=(CameraConfig(name="a", source="pattern:"),))
try:
    run_request(RunRequest(config, out, embedded=True))
except SystemExit:
    assert signal.getsignal(number) is former
    raise
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_sources_are_looked_at_ends_the_program(
    tmp_path: Path, number: signal.Signals
) -> None:
    """In a process of its own, which the signal may end."""
    out = tmp_path / "out"
    ended = subprocess.run(
        [sys.executable, "-c", SIGNALLED, str(int(number)), str(out)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        timeout=60,
    )
    assert ended.returncode == 128 + number
    assert not out.exists()


def test_the_network_is_told_what_sizes_the_recordings_have() -> None:
    cameras = [
        CameraConfig(name="a", source="a.mp4"),
        CameraConfig(name="b", source="b.mp4", height=184, region=(0, 0, 100, 50)),
        CameraConfig(name="c", source="c.mp4"),
        CameraConfig(name="live", source="rtsp://there"),
    ]
    config = GhostposeConfig(cameras=tuple(cameras))
    found = {name: SourceInfo(name, 768, 576, 25.0) for name in "abc"}
    assert _expecting(config, found).inference.expect == ("491x368", "368x184")
    told = config.model_copy(update={"inference": InferenceConfig(expect=("8x8",))})
    assert _expecting(told, found) is told


def test_an_output_that_can_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "poses.jsonl").mkdir()
    with pytest.raises(ConfigError, match=r"poses\.jsonl can't be written there: Is a directory"):
        run_request(RunRequest(PATTERN, tmp_path, embedded=True))
