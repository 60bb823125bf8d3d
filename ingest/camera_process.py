"""What runs in a camera's own process, forked from a server that has imported all this before.

The process stops in order on SIGTERM, and when its supervisor is gone (the pipe between them
closes). Through that pipe come settings that it goes on by. Ctrl-C reaches it too, since it shares
the terminal, but is the supervisor's to handle.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING, Final

import cv2
import prometheus_client  # noqa: F401 - for the fork server, as those below

# Imported here so that the fork server has them before it forks: a camera then starts in a
# fraction of the time, and shares the memory of the code.
import ingest.sources.device
import ingest.sources.image_folder
import ingest.sources.replay
import ingest.sources.snapshots
import ingest.sources.stream
import ingest.sources.test_pattern
import ingest.sources.video_file  # noqa: F401
from ghostpose.allocator import keep_freed_memory
from ghostpose.logs import log_to_stderr
from ghostpose.stopping import StopEvent, let_stop_signals_in
from ingest.dead_man import dead_man_switch
from ingest.loop import CameraLoop

STUCK: Final = 75
"""Exit code of a process with a decoder in it that doesn't return."""

LEFT_OPEN: Final = 76
"""Exit code of a process that was stopped and left its session open."""

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from ghostpose.config import CameraConfig
    from ghostpose.logs import LogSettings
    from ingest.report import CameraReport


def main(
    camera: CameraConfig,
    bus_url: str,
    partitions: int | None,
    resume: int | None,
    pipe: Connection,
    logs: LogSettings,
    leave_open: bool = False,
    opened: Callable[[int], None] | None = None,
) -> None:
    """Play `camera`; send the number of each session, then the `CameraReport`, through `pipe`.

    `leave_open`: asked to stop, it is gone at once: what has ended can't be gone on with. `opened`
    is told the number of a session in this process, before the first frame of it.
    """
    log_to_stderr(logs.level, logs.style)
    keep_freed_memory()
    cv2.setNumThreads(1)  # one camera has one process: cameras share the cores
    stop = StopEvent()
    end = partial(os._exit, LEFT_OPEN) if leave_open else stop.set
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: end())
    # The supervisor starts it with signals held back, so that one that came until here counts too.
    let_stop_signals_in()

    def tell(news: int | CameraReport) -> None:
        try:
            pipe.send(news)
        except OSError:
            logging.getLogger("ingest.Camera").info("camera %s: nobody hears it", camera.name)

    def begun(session: int) -> None:
        if opened is not None:
            opened(session)
        tell(session)

    loop = CameraLoop(camera, bus_url, stop, partitions, resume, begun)
    threading.Thread(target=_hear_supervisor, args=(pipe, loop, end), daemon=True).start()
    with dead_man_switch():
        report = loop.run()
    if report.stuck:
        logging.getLogger("ingest.Camera").error("%s", report.problem)
        os._exit(STUCK)  # the supervisor starts another; nothing in here can be waited for
    tell(report)


def _hear_supervisor(pipe: Connection, loop: CameraLoop, end: Callable[[], None]) -> None:
    """Pass new settings on, until the other end of the pipe closes: then it is to stop."""
    try:
        while True:
            loop.adopt(pipe.recv())
    except (EOFError, OSError):
        end()
