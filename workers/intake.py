"""Takes frames and decodes them in a thread of its own, at most one batch ahead of the network."""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from ghostpose.bus.backoff import Backoff
from ghostpose.codec.images import decode_picture
from ghostpose.errors import BusFullError, BusUnavailableError, DecodeError
from ghostpose.metrics import INFERRED, count, turned
from ghostpose.stopping import LOOK_UP_EVERY_S
from workers.batching import PreparedFrame, is_stale
from workers.engines.padding import pad_to_stride

if TYPE_CHECKING:
    from ghostpose.bus import FrameDelivery, FrameReader
    from ghostpose.bus.clock import ServerClock
    from ghostpose.types import SkipReason
    from workers.holding import Holding
    from workers.options import WorkerOptions

BLOCK_S: Final = 1.0
"""How long one wait for frames takes at most; also how late a stop is noticed."""

_log = logging.getLogger("workers.Intake")


class Intake:
    """Yields batches of decoded frames.

    While the network works it takes one more batch if frames wait already, so that decoding costs
    no time then. It blocks for frames that are yet to come only while the network is idle: else a
    busy worker would win them from an idle one. The network has one or more lanes: threads that ask
    for batches, each for its next when it has done one.

    Frames that are too old leave a tombstone here; those that can't be decoded, or were handed out
    too often, are buried here.
    """

    def __init__(
        self,
        reader: FrameReader,
        options: WorkerOptions,
        holding: Holding,
        clock: ServerClock,
        stop: threading.Event,
        lanes: int = 1,
    ) -> None:
        self._reader, self._options, self._holding = reader, options, holding
        self._clock, self._stop = clock, stop
        self._batches: queue.Queue[list[PreparedFrame] | None] = queue.Queue()
        self._lanes, self._waiting = lanes, 0
        self._idle, self._counting = threading.Event(), threading.Lock()
        self._room = threading.Semaphore(1)
        self._closed = False
        self._backoff = Backoff()
        self._next_claim_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._failure: BaseException | None = None
        self.stale = 0
        self.buried = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._idle.set()
        self._room.release()
        self._thread.join()

    def next_batch(self) -> list[PreparedFrame] | None:
        """Wait for the next batch; None once `stop` is set and all that was taken was yielded.

        For as many threads as there are lanes. Raises whatever ended the thread that takes.
        """
        with self._counting:
            self._waiting += 1
            if self._waiting == self._lanes and self._batches.empty():
                self._idle.set()
        batch = self._wait_for_batch()
        with self._counting:
            self._waiting -= 1
            self._idle.clear()
        if batch is None:
            self.end()  # for the other lanes too
            if self._failure is not None:
                raise self._failure
        self._room.release()
        return batch

    def _wait_for_batch(self) -> list[PreparedFrame] | None:
        """Look up now and then: one of the lanes is the main thread, which handles signals."""
        while True:
            with suppress(queue.Empty):
                return self._batches.get(timeout=LOOK_UP_EVERY_S)

    def end(self) -> None:
        """Have every lane get None, after what was taken before."""
        self._batches.put(None)

    def _run(self) -> None:
        try:
            while not self._ends():
                self._room.acquire()
                batch = self._take_batch()
                if batch:
                    self._batches.put(batch)
        except Exception as failure:
            self._failure = failure  # for the thread that waits for batches
        finally:
            self.end()

    def _ends(self) -> bool:
        return self._closed or self._stop.is_set()

    def _take_batch(self) -> list[PreparedFrame]:
        """Take until there is a batch or it is time to end."""
        while not self._ends():
            turned("inference")
            taken: list[FrameDelivery] = []
            try:
                taken = self._take()
                self._holding.add(taken)
                prepared = [frame for d in taken if (frame := self._prepare(d)) is not None]
            except (BusUnavailableError, BusFullError) as error:
                for delivery in taken:
                    self._holding.let_go(delivery)  # in a while it is taken over, by us or others
                self._bear(error)
                continue
            self._backoff.failures = 0
            if prepared:
                return prepared
        return []

    def _take(self) -> list[FrameDelivery]:
        claimed = self._claim_abandoned()
        if claimed:
            return claimed
        taken = self._reader.take(self._options.batch_size, 0)
        if taken or not self._idle.wait(BLOCK_S) or self._ends():
            return taken
        # A wait may bring a frame of each partition: all are this worker's, so all go on at once.
        return self._reader.take(self._options.batch_size, BLOCK_S) + self._reader.remainder()

    def _claim_abandoned(self) -> list[FrameDelivery]:
        """Now and then, take over what a dead or stuck worker left."""
        if time.monotonic() < self._next_claim_s:
            return []
        claimed = self._reader.claim_idle(
            self._options.min_idle_s, self._options.batch_size, self._holding.held()
        )
        if claimed:
            _log.info("took over %d frames that another worker left", len(claimed))
        else:
            self._next_claim_s = time.monotonic() + self._options.min_idle_s / 4
        return claimed

    def _prepare(self, delivery: FrameDelivery) -> PreparedFrame | None:
        """Decode a frame, or leave a tombstone in its place and return None."""
        message = delivery.message
        if delivery.deliveries > self._options.max_deliveries:
            detail = f"handed out {delivery.deliveries} times and never finished"
            self.buried += self._give_up(delivery, "poison", detail)
            _log.warning("frame %s is buried: %s", message.id, detail)
            return None
        if is_stale(message.info, self._clock.now_ms()):
            self.stale += self._reader.skip(delivery, "stale")
            self._holding.let_go(delivery)
            return None
        try:
            return PreparedFrame(delivery, pad_to_stride(decode_picture(message.picture)))
        except DecodeError as error:
            self.buried += self._give_up(delivery, "decode", str(error))
            _log.warning("frame %s is buried: %s", message.id, error)
            return None

    def _give_up(self, delivery: FrameDelivery, reason: SkipReason, detail: str) -> bool:
        was_first = self._reader.bury(delivery, reason, detail)
        self._holding.let_go(delivery)
        count(INFERRED, "buried", by=was_first)
        return was_first

    def _bear(self, error: Exception) -> None:
        if self._backoff.failures == 0:
            _log.warning("waits for the server: %s", error)
        self._stop.wait(self._backoff.next_s())
