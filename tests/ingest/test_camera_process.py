"""What a camera's process does when something in it hangs."""

from __future__ import annotations

import logging
import multiprocessing
from typing import TYPE_CHECKING, Any

from ghostpose.logs import LogSettings
from ingest import camera_process
from ingest.report import CameraReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.config import CameraConfig


class _Loop:
    """Ends at once, with a decoder that hangs or without."""

    stuck = True

    def __init__(self, camera: CameraConfig, *_: object) -> None:
        self._camera = camera

    def run(self) -> CameraReport:
        return CameraReport(self._camera.name, problem="it hangs", stuck=self.stuck)


def main(stuck: bool, *arguments: Any) -> None:
    """Be a camera's process whose loop is `_Loop`."""
    _Loop.stuck = stuck
    camera_process.CameraLoop = _Loop  # type: ignore[assignment,misc]
    camera_process.main(*arguments)


def exit_of(config: CameraConfig, *, stuck: bool) -> tuple[int | None, object]:
    """Run the process; return its exit code and its report.

    Spawned, since a fork of a process with threads may inherit a lock that nobody will release.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (stuck, config, "", None, None, theirs, LogSettings(logging.WARNING))
    process = context.Process(target=main, args=arguments)
    process.start()
    theirs.close()
    process.join(60)
    try:
        return process.exitcode, ours.recv()
    except EOFError:
        return process.exitcode, None


def test_a_process_with_a_decoder_that_hangs_ends_for_another_to_be_started(
    camera: Callable[..., CameraConfig],
) -> None:
    assert exit_of(camera("x"), stuck=True) == (camera_process.STUCK, None)
    ended = CameraReport("cam", problem="it hangs")
    assert exit_of(camera("x"), stuck=False) == (0, ended)
