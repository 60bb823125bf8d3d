"""Frames in a worker's hands: they stay there while it makes progress, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from roles import make_pipeline
from test_inference_worker import a_stop_is_noticed_soon, maps_of, running
from waiting import Stalls, wait_until

from ghostpose.bus import Bus, FrameReader
from ghostpose.errors import BusError
from ghostpose.types import Maps, MapsMessage
from workers.engines.stub import StubEngine
from workers.holding import Holding
from workers.options import WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from roles import Pipeline

    from ghostpose.bus import FrameDelivery
    from ghostpose.types import ByteArray

__all__ = ["a_stop_is_noticed_soon"]

MIN_IDLE_S: Final = 1.5


@pytest.fixture
def claims_of_who_went_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have workers that stood still take nothing over at first: so did those who hold it."""
    claim_idle = FrameReader.claim_idle
    with Stalls() as stalls:

        def claim(reader: FrameReader, *arguments: Any) -> list[FrameDelivery]:
            steady = stalls.over_for_s() >= MIN_IDLE_S
            return claim_idle(reader, *arguments) if steady else []

        monkeypatch.setattr(FrameReader, "claim_idle", claim)
        yield


class _Slow(StubEngine):
    """Takes longer than frames may lie idle; counts what it was given."""

    given = 0

    def infer(self, images: Sequence[ByteArray]) -> list[Maps]:
        self.given += len(images)
        return super().infer(images)


@pytest.mark.usefixtures("claims_of_who_went_on")
def test_slow_workers_keep_their_frames_and_do_each_once(bus: Bus) -> None:
    pipeline = make_pipeline(bus, "busy", credit=8)
    pipeline.publish(8)  # for each worker a batch to infer, and one that waits behind it
    options = WorkerOptions(batch=2, min_idle_s=MIN_IDLE_S, max_deliveries=1)
    engines = [_Slow(0.45), _Slow(0.45)]
    with running(bus, engines[0], options, "one"), running(bus, engines[1], options, "two"):
        messages = [d.message for d in maps_of(pipeline, 8)]
    assert all(isinstance(m, MapsMessage) for m in messages), "none is buried as poison"
    assert sum(engine.given for engine in engines) == 8


class _Counting(FrameReader):
    """Counts how often frames were held; the first time the server refuses it."""

    held = 0

    def hold(self, deliveries: Sequence[FrameDelivery]) -> int:
        self.held += 1
        if self.held == 1:
            raise BusError("the server answered with an error")
        return super().hold(deliveries)


def test_a_worker_that_hangs_loses_its_frames(bus: Bus, pipeline: Pipeline) -> None:
    pipeline.publish(1)
    taken = FrameReader(bus, "stuck").take(1, 0)
    other, reader = FrameReader(bus, "other"), _Counting(bus, "stuck")
    with Holding(reader, 0.3) as holding:
        holding.add(taken)
        wait_until(lambda: reader.held >= 2, "the frame is held")
    with Holding(reader, 0.3, stuck_s=0.5) as holding:
        holding.add(taken)
        (claimed,) = wait_until(lambda: other.claim_idle(0.3, 1), "another takes it over")
    assert claimed.entry_id == taken[0].entry_id
