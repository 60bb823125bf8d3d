"""Codes maps and hands them in from a thread of its own, while the network does the next frames."""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ghostpose.bus.backoff import Backoff
from ghostpose.codec.maps import encode_maps
from ghostpose.errors import BusFullError, BusUnavailableError, InvalidValueError
from ghostpose.metrics import INFERRED, count

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.bus import FrameDelivery, FrameReader
    from ghostpose.types import Maps, MapsCodec
    from workers.counts import Counts
    from workers.holding import Holding

STOP_GRACE_S: Final = 3.0
"""How long a worker that is to stop still tries to hand in what it holds."""

STOPPING_WAIT_S: Final = 0.1

_log = logging.getLogger("workers.Outlet")


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a frame: maps, or the reason why it has none. Times are in ms."""

    delivery: FrameDelivery
    maps: Maps | None
    detail: str = ""
    started_ms: float = 0.0
    inference_ms: float = 0.0


class Outlet:
    """Ends frames in the order given, at most one batch behind the network.

    What is given before the block ends is done when it has ended, unless the server is away and
    `stop` is set. `reader` belongs to this thread.
    """

    def __init__(
        self,
        reader: FrameReader,
        holding: Holding,
        counts: Counts,
        stop: threading.Event,
        *,
        codec: MapsCodec,
        batch: int,
    ) -> None:
        self._reader, self._holding, self._counts = reader, holding, counts
        self._stop, self._codec = stop, codec
        self._waiting: queue.Queue[Done | None] = queue.Queue(batch)
        self._failure: BaseException | None = None
        self._stopping_since_s: float | None = None
        self._gave_up = False
        self._thread = threading.Thread(target=self._run, name="outlet", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join()
        self._check()

    def end(self, done: Done) -> None:
        """End a frame soon; waits while a batch is before it.

        Raises whatever ended the thread.
        """
        self._check()
        self._waiting.put(done)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        while (done := self._waiting.get()) is not None:
            if self._failure is not None:
                continue  # nobody is to wait for room; the frame is left to others
            try:
                self._end(done)
            except Exception as failure:
                self._failure = failure  # for the thread that gives frames

    def _end(self, done: Done) -> None:
        if done.maps is None:
            self._bury(done.delivery, done.detail)
            return
        try:
            data = encode_maps(done.maps, self._codec)
        except InvalidValueError as error:
            self._bury(done.delivery, f"its maps can't be sent: {error}")
            return
        delivery = done.delivery
        wait_ms = max(0.0, done.started_ms - delivery.message.published_ms)
        was_first = self._until_answered(
            delivery,
            lambda: self._reader.finish_encoded(
                delivery, data, wait_ms=wait_ms, inference_ms=done.inference_ms
            ),
        )
        if was_first is not None:
            self._counts.frames += was_first
            self._counts.lost_races += not was_first
            count(INFERRED, "finished" if was_first else "late")

    def _bury(self, delivery: FrameDelivery, detail: str) -> None:
        _log.warning("frame %s is buried: %s", delivery.message.id, detail)
        if self._until_answered(delivery, lambda: self._reader.bury(delivery, "poison", detail)):
            self._counts.buried += 1
            count(INFERRED, "buried")

    def _until_answered(self, delivery: FrameDelivery, step: Callable[[], bool]) -> bool | None:
        """Do the step that ends a frame; a server that is away or full is waited for.

        Returns whether this worker was first; None: it is to stop, and the frame is left to others.
        """
        backoff = Backoff()
        try:
            while not self._gave_up:
                try:
                    return step()
                except (BusUnavailableError, BusFullError) as error:
                    if backoff.failures == 0:
                        _log.warning("waits to hand frames in: %s", error)
                if self._stop.wait(backoff.next_s()):
                    self._gave_up = self._has_waited_long_enough()
            return None
        finally:
            self._holding.let_go(delivery)

    def _has_waited_long_enough(self) -> bool:
        """Pause as one that is to stop, and say whether it is time to; for all frames together."""
        if self._stopping_since_s is None:
            self._stopping_since_s = time.monotonic()
        time.sleep(STOPPING_WAIT_S)
        return time.monotonic() - self._stopping_since_s > STOP_GRACE_S
