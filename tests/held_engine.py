"""A stand-in for the network that stands still where a test wants it to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from ghostpose.bus import Bus
from ghostpose.bus.heartbeats import worker_name
from workers.engines.stub import StubEngine
from workers.loop import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.types import ByteArray, Maps
    from workers.options import WorkerOptions

HELD_FOR_S: Final = 100.0
"""A test that hasn't let it go on by then has failed."""


class HeldEngine(StubEngine):
    """Does so many more pictures, and no other until it is let go on: so what a test does in the
    middle of a recording is done there, however slow the machine."""

    def __init__(self, pause_s: float) -> None:
        super().__init__(pause_s)
        self._left = 0
        self._goes_on = threading.Event()
        self._goes_on.set()

    def hold_after(self, pictures: int) -> None:
        """Stand still after so many more."""
        self._left = pictures
        self._goes_on.clear()

    def go_on(self) -> None:
        """Do all that comes."""
        self._goes_on.set()

    def infer(self, images: Sequence[ByteArray]) -> list[Maps]:
        """See `StubEngine.infer`."""
        if not self._left:
            assert self._goes_on.wait(HELD_FOR_S), "nobody lets it go on"
        self._left = max(0, self._left - len(images))
        return super().infer(images)


def infer_with(
    engine: HeldEngine,
    url: str,
    options: WorkerOptions,
    stop: threading.Event,
    partitions: int | None = None,
) -> None:
    """Be an inference worker with this engine, as `run_inference` is one with its own."""
    with Bus.connect(url, partitions=partitions) as bus:
        Worker(bus, worker_name("infer"), engine, options, stop).run()
