"""One inference worker: frames from the bus through the network, maps back to the bus.

Whoever hands a frame's maps in first wins, so a worker may die, stop or be slow at any point: its
frames are taken over by others after `min_idle_s`.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from ghostpose.allocator import keep_freed_memory
from ghostpose.bus import Bus, FrameReader
from ghostpose.bus.clock import ServerClock
from ghostpose.bus.heartbeats import Heartbeats, worker_name
from ghostpose.errors import (
    BusFullError,
    BusUnavailableError,
    EngineBrokenError,
    UserError,
)
from ghostpose.metrics import BATCH, observe
from workers.batching import by_size, in_batches
from workers.counts import Counts
from workers.engines import create_engine
from workers.engines.padding import padded_side
from workers.holding import Holding
from workers.intake import Intake
from workers.lanes import side_by_side
from workers.outlet import Done, Outlet

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from ghostpose.types import Maps
    from workers.batching import PreparedFrame
    from workers.engines import Engine
    from workers.options import WorkerOptions

_log = logging.getLogger("workers.Worker")


def run_inference(
    bus_url: str,
    options: WorkerOptions,
    stop: threading.Event,
    *,
    worker: str | None = None,
    partitions: int | None = None,
) -> Counts:
    """Work until `stop` is set, then finish what was taken, and return what was done.

    `partitions` is used only if this creates the deployment (None: the default).

    Raises:
        BusUnavailableError: no server answers at `bus_url` now. Later outages are waited for.
        EngineError, WeightsError: the engine can't be made, or can't take any frame's size.
        EngineBrokenError: the engine broke while working.
    """
    keep_freed_memory()
    name = worker or worker_name("infer")
    with Bus.connect(bus_url, partitions=partitions) as bus:
        engine = create_engine(
            options.engine,
            weights=options.weights,
            device=options.device,
            precision=options.precision,
            threads=options.threads,
            batch=options.batch_size,
            deterministic=options.deterministic,
        )
        for width, height in options.expect:
            engine.warm_up(padded_side(height), padded_side(width), 0)
        _log.info("worker %s: %s on %s in %s", name, engine.name, engine.device, engine.precision)
        return Worker(bus, name, engine, options, stop).run()


class Worker:
    """Runs one engine. The intake's thread takes and decodes, a thread for each of the engine's
    lanes infers, the outlet's codes the maps and hands them in."""

    def __init__(
        self, bus: Bus, name: str, engine: Engine, options: WorkerOptions, stop: threading.Event
    ) -> None:
        self._bus, self._name, self._engine = bus, name, engine
        self._options, self._stop = options, stop
        self._clock = ServerClock(bus)
        self._counts = Counts(started_s=time.monotonic())
        self._worked_hw: tuple[int, ...] | None = None
        # A reader belongs to one thread; all speak for the same worker.
        self._holding = Holding(FrameReader(bus, name), options.min_idle_s)
        self._outlet = Outlet(
            FrameReader(bus, name),
            self._holding,
            self._counts,
            stop,
            codec=options.maps,
            batch=options.batch_size,
        )

    def run(self) -> Counts:
        """See `run_inference`."""
        inlet, lanes = FrameReader(self._bus, self._name), self._engine.lanes
        with (
            Heartbeats(self._bus, "inference", self._name, self._counts.as_load),
            self._holding,
            self._outlet,
            Intake(inlet, self._options, self._holding, self._clock, self._stop, lanes) as intake,
        ):
            side_by_side(lanes, lambda: self._work(intake))
        self._leave()
        return self._counts

    def _work(self, intake: Intake) -> None:
        try:
            while (batch := intake.next_batch()) is not None:
                for same_size in by_size(batch):
                    for frames in in_batches(same_size, self._options.batch_size):
                        self._process(frames)
        except BaseException:
            intake.end()  # no other lane is to go on alone
            raise

    def _process(self, frames: Sequence[PreparedFrame]) -> None:
        started_ms, started_s = self._clock.now_ms(), time.perf_counter()
        maps = self._infer(frames)
        elapsed_s = time.perf_counter() - started_s
        observe(BATCH, len(frames))
        self._counts.inferred(elapsed_s)
        for frame, its_maps in zip(frames, maps, strict=True):
            if its_maps is not None:
                self._outlet.end(
                    Done(
                        frame.delivery,
                        its_maps,
                        started_ms=started_ms,
                        inference_ms=1000 * elapsed_s,
                    )
                )

    def _infer(self, frames: Sequence[PreparedFrame]) -> Sequence[Maps | None]:
        """Return each frame's maps; None for a frame that the network fails on, now buried."""
        try:
            return self._run_engine(frames)
        except Exception as error:
            _log.warning("the network failed on %d frames: %s", len(frames), error)
            self._check_engine(frames[0], error)
        return [self._infer_alone(frame) for frame in frames]

    def _infer_alone(self, frame: PreparedFrame) -> Maps | None:
        try:
            return self._run_engine([frame])[0]
        except Exception as error:
            self._check_engine(frame, error)
            self._outlet.end(Done(frame.delivery, None, f"the network fails on it: {error}"))
            return None

    def _run_engine(self, frames: Sequence[PreparedFrame]) -> Sequence[Maps]:
        maps = self._engine.infer([frame.image_hw3 for frame in frames])
        self._worked_hw = frames[0].size_hw
        return maps

    def _check_engine(self, failed: PreparedFrame, cause: Exception) -> None:
        """Tell an engine that is broken from one that was given a bad frame.

        It is tried on plain grey: of a size that worked before, since a network may take only one.

        Raises:
            EngineBrokenError: it fails on that too; the frames are left to others.
            UserError: it can't take such pictures at all, and says why.
        """
        height, width = self._worked_hw or failed.size_hw
        try:
            self._engine.warm_up(height, width)
        except UserError:
            raise
        except Exception as error:
            raise EngineBrokenError(
                f"engine {self._engine.name} on {self._engine.device} no longer works: {error}"
            ) from cause

    def _leave(self) -> None:
        try:
            FrameReader(self._bus, self._name).close()
        except (BusUnavailableError, BusFullError) as error:
            _log.warning("worker %s could not leave its groups: %s", self._name, error)
