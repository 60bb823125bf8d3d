"""What a camera's process does when something in it hangs."""

from __future__ import annotations

import logging
import multiprocessing
from typing import TYPE_CHECKING

from ingest import camera_process
from ingest.report import CameraReport

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from ghostpose.config import CameraConfig


class _Loop:
    """Ends at once, with a decoder that hangs or without."""

    stuck = True

    def __init__(self, camera: CameraConfig, *_: object) -> None:
        self._camera = camera

    def run(self) -> CameraReport:
        return CameraReport(self._camera.name, problem="it hangs", stuck=self.stuck)


def exit_of(config: CameraConfig) -> tuple[int | None, object]:
    """Run the process; return its exit code and its report."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    arguments = (config, "", None, None, theirs, logging.WARNING)
    process = context.Process(target=camera_process.main, args=arguments)
    process.start()
    theirs.close()
    process.join(20)
    try:
        return process.exitcode, ours.recv()
    except EOFError:
        return process.exitcode, None


def test_a_process_with_a_decoder_that_hangs_ends_for_another_to_be_started(
    camera: Callable[..., CameraConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_process, "CameraLoop", _Loop)
    assert exit_of(camera("x")) == (camera_process.STUCK, None)
    monkeypatch.setattr(_Loop, "stuck", False)
    assert exit_of(camera("x")) == (0, CameraReport("cam", problem="it hangs"))
