"""An inference worker against a real server: each frame gets maps or a tombstone, once."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
import samples
from waiting import wait_until

from ghostpose.bus import Bus, FrameReader, Published
from ghostpose.codec.maps import MAX_MAP_CELLS
from ghostpose.errors import EngineBrokenError, WeightsError
from ghostpose.types import EncodedPicture, GapMessage, Maps, MapsMessage
from workers.engines.stub import StubEngine, standing_people
from workers.loop import Counts, Worker, run_inference
from workers.options import WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from roles import Pipeline

    from ghostpose.bus import EmbeddedServer, MapsDelivery
    from ghostpose.types import ByteArray

LIMIT_S = 60.0


@pytest.fixture(autouse=True)
def a_stop_is_noticed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.intake.BLOCK_S", 0.1)


@contextmanager
def working(
    server: EmbeddedServer, name: str = "worker", **options: float | str
) -> Iterator[list[Counts]]:
    """Run a worker in a thread; what it did is in the list after the block."""
    stop, done = threading.Event(), list[Counts]()
    settings = WorkerOptions(**{"engine": "stub:0", **options})  # type: ignore[arg-type]
    thread = threading.Thread(
        target=lambda: done.append(run_inference(server.url, settings, stop, worker=name))
    )
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join(LIMIT_S)
    assert not thread.is_alive()


def maps_of(pipeline: Pipeline, count: int) -> list[MapsDelivery]:
    """Wait for `count` entries of the maps stream."""
    deliveries: list[MapsDelivery] = []
    until = time.monotonic() + LIMIT_S
    while len(deliveries) < count and time.monotonic() < until:
        deliveries += pipeline.maps.take([pipeline.lease], count, 0.1)
    assert len(deliveries) == count
    return deliveries


def test_every_frame_gets_the_maps_of_its_picture(
    server: EmbeddedServer, pipeline: Pipeline
) -> None:
    picture = samples.picture(100, 60)
    assert isinstance(pipeline.publisher.publish(samples.info(), picture), Published)
    with working(server):
        (delivery,) = maps_of(pipeline, 1)
    message = delivery.message
    assert isinstance(message, MapsMessage)
    assert (message.picture_width, message.picture_height) == (100, 60)
    assert message.maps.input_size_px == (64, 104)
    assert np.allclose(message.maps.paf_chw, standing_people(64, 104).paf_chw, atol=0.01)


def test_a_worker_that_comes_first_creates_the_deployment_as_configured(
    server: EmbeddedServer,
) -> None:
    stop = threading.Event()
    stop.set()
    run_inference(server.url, WorkerOptions(engine="stub:0"), stop, partitions=3)
    with Bus.connect(server.url) as bus:
        assert bus.partitions == 3


def test_expected_sizes_are_compiled_for_before_frames_are_taken(
    server: EmbeddedServer, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.publish(1)
    stop, prepared = threading.Event(), []

    class Noting(StubEngine):
        def warm_up(self, height: int, width: int, batch: int = 1) -> None:
            prepared.append((height, width, batch))

        def infer(self, images: Sequence[ByteArray]) -> list[Maps]:
            prepared.append("a frame")
            stop.set()
            return super().infer(images)

    monkeypatch.setattr("workers.loop.create_engine", lambda *_, **__: Noting(0))
    run_inference(server.url, WorkerOptions(expect=((491, 368), (16, 8))), stop)
    assert prepared == [(368, 496, 0), (8, 16, 0), "a frame"]


def test_frames_of_several_sizes_are_all_done(server: EmbeddedServer, pipeline: Pipeline) -> None:
    for width in (16, 32, 16, 48):
        pipeline.publisher.publish(samples.info(), samples.picture(width, 8))
    with working(server) as done:
        deliveries = maps_of(pipeline, 4)
    assert sorted(d.message.id.seq for d in deliveries) == [0, 1, 2, 3]
    assert done[0].frames == 4


def test_a_frame_that_is_too_old_leaves_a_tombstone(
    server: EmbeddedServer, pipeline: Pipeline
) -> None:
    old = samples.info(captured_at=time.time() - 60, max_age_ms=1000)
    fresh = samples.info(captured_at=time.time(), max_age_ms=60_000)
    for info in (old, fresh):
        pipeline.publisher.publish(info, samples.picture())
    with working(server):
        first, second = sorted(maps_of(pipeline, 2), key=lambda d: d.message.id.seq)
    assert isinstance(first.message, GapMessage)
    assert first.message.reason == "stale"
    assert isinstance(second.message, MapsMessage)


def test_a_picture_that_is_none_is_buried_and_holds_nobody_up(
    server: EmbeddedServer, bus: Bus, pipeline: Pipeline
) -> None:
    pipeline.publisher.publish(samples.info(), EncodedPicture("jpeg", 64, 64, b"no picture"))
    pipeline.publisher.publish(samples.info(), samples.picture())
    with working(server):
        first, second = sorted(maps_of(pipeline, 2), key=lambda d: d.message.id.seq)
    assert isinstance(first.message, GapMessage)
    assert first.message.reason == "decode"
    assert isinstance(second.message, MapsMessage)
    assert bus.client.xlen(bus.keys.dead(pipeline.partition)) == 1


def test_what_a_dead_worker_left_is_taken_over(server: EmbeddedServer, pipeline: Pipeline) -> None:
    pipeline.publish(3)
    assert len(FrameReader(pipeline.bus, "dead").take(2, 0)) == 2
    with working(server, min_idle_s=0.2):
        deliveries = maps_of(pipeline, 3)
    assert sorted(d.message.id.seq for d in deliveries) == [0, 1, 2]


def test_a_frame_that_was_handed_out_too_often_is_buried_as_poison(
    server: EmbeddedServer, pipeline: Pipeline
) -> None:
    pipeline.publish(1)
    FrameReader(pipeline.bus, "dead 1").take(1, 0)
    with working(server, min_idle_s=0.05, max_deliveries=1):
        (delivery,) = maps_of(pipeline, 1)
    assert isinstance(delivery.message, GapMessage)
    assert delivery.message.reason == "poison"


class _FailsOnWidth(StubEngine):
    """Breaks on pictures of one width; on every picture if that is 0."""

    def __init__(self, width: int) -> None:
        super().__init__(0)
        self._width = width

    def infer(self, images: Sequence[ByteArray]) -> list[Maps]:
        if any(self._width in (0, image.shape[1]) for image in images):
            raise RuntimeError("no such kernel")
        return super().infer(images)

    def warm_up(self, height: int, width: int, batch: int = 1) -> None:
        self.infer([np.zeros((height, width, 3), np.uint8)] * batch)


def test_a_frame_that_the_network_fails_on_is_buried_alone(bus: Bus, pipeline: Pipeline) -> None:
    for width in (16, 32):
        pipeline.publisher.publish(samples.info(), samples.picture(width, 8))
    with running(bus, _FailsOnWidth(32), WorkerOptions()):
        first, second = sorted(maps_of(pipeline, 2), key=lambda d: d.message.id.seq)
    assert isinstance(first.message, MapsMessage)
    assert isinstance(second.message, GapMessage)
    assert second.message.reason == "poison"


def test_a_broken_engine_ends_the_worker_and_leaves_its_frames_to_others(
    bus: Bus, pipeline: Pipeline
) -> None:
    pipeline.publish(1)
    worker = Worker(bus, "broken", _FailsOnWidth(0), WorkerOptions(), threading.Event())
    with pytest.raises(EngineBrokenError, match="no longer works: no such kernel") as raised:
        worker.run()
    assert raised.value.exit_code == 1, "so that it is started again"
    (left,) = FrameReader(bus, "other").claim_idle(0.0, 10)
    assert left.message.id.seq == 0


class _OneSizeOnly(StubEngine):
    """As a network file that was exported for pictures of 16 x 8 alone."""

    def infer(self, images: Sequence[ByteArray]) -> list[Maps]:
        if images[0].shape[:2] != (8, 16):
            raise WeightsError("network x can't take such a picture")
        return super().infer(images)

    def warm_up(self, height: int, width: int, batch: int = 1) -> None:
        self.infer([np.zeros((height, width, 3), np.uint8)] * batch)


def test_a_network_of_one_size_goes_on_after_a_picture_of_another(
    bus: Bus, pipeline: Pipeline
) -> None:
    for width in (16, 32, 16):
        pipeline.publisher.publish(samples.info(), samples.picture(width, 8))
    with running(bus, _OneSizeOnly(0), WorkerOptions(batch=1)):
        messages = [d.message for d in maps_of(pipeline, 3)]
    assert [type(m) for m in messages] == [MapsMessage, GapMessage, MapsMessage]


def test_a_network_that_can_not_take_the_cameras_size_is_the_users_mistake(
    bus: Bus, pipeline: Pipeline
) -> None:
    pipeline.publisher.publish(samples.info(), samples.picture(32, 8))
    worker = Worker(bus, "worker", _OneSizeOnly(0), WorkerOptions(), threading.Event())
    with pytest.raises(WeightsError, match="can't take such a picture"):
        worker.run()


@contextmanager
def running(
    bus: Bus, engine: StubEngine, options: WorkerOptions, name: str = "worker"
) -> Iterator[Worker]:
    stop = threading.Event()
    worker = Worker(bus, name, engine, options, stop)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        stop.set()
        thread.join(LIMIT_S)
    assert not thread.is_alive()


class _Together(StubEngine):
    """Waits at first until two calls are there at once, in whichever engines have this barrier."""

    def __init__(self, both: threading.Barrier, lanes: int = 1) -> None:
        super().__init__(0)
        self._both, self._met, self.lanes = both, False, lanes

    def infer(self, images: Sequence[ByteArray]) -> list[Maps]:
        if not self._met:
            self._both.wait(LIMIT_S)
            self._met = True
        return super().infer(images)


def test_two_workers_share_the_frames_and_do_each_once(bus: Bus, pipeline: Pipeline) -> None:
    """Who waits has one frame in hand and one behind it, and can't take the others' share."""
    pipeline.publish(4)
    both, options = threading.Barrier(2), WorkerOptions(batch=1)
    with (
        running(bus, _Together(both), options, "one"),
        running(bus, _Together(both), options, "two"),
    ):
        deliveries = maps_of(pipeline, 4)
    assert sorted(d.message.id.seq for d in deliveries) == [0, 1, 2, 3]


def test_an_engine_of_two_lanes_gets_two_batches_at_once(bus: Bus, pipeline: Pipeline) -> None:
    pipeline.publish(4)
    with running(bus, _Together(threading.Barrier(2), lanes=2), WorkerOptions(batch=1)):
        messages = [d.message for d in maps_of(pipeline, 4)]
    assert all(isinstance(m, MapsMessage) for m in messages)


class _BreaksInOneLane(_FailsOnWidth):
    lanes = 2


def test_a_lane_that_breaks_ends_the_others(bus: Bus, pipeline: Pipeline) -> None:
    pipeline.publish(1)
    worker = Worker(bus, "broken", _BreaksInOneLane(0), WorkerOptions(), threading.Event())
    with pytest.raises(EngineBrokenError, match="no longer works: no such kernel"):
        worker.run()


class _BadMaps(StubEngine):
    """Gives maps that can't be sent for pictures 32 wide."""

    def __init__(self, make: Callable[[Maps], Maps]) -> None:
        super().__init__(0)
        self._make = make

    def infer(self, images: Sequence[ByteArray]) -> list[Maps]:
        maps = super().infer(images)
        return [
            self._make(m) if image.shape[1] == 32 else m
            for image, m in zip(images, maps, strict=True)
        ]


def _not_a_number(maps: Maps) -> Maps:
    return Maps(np.full_like(maps.pcm_chw, np.nan), maps.paf_chw)


def _far_too_large(maps: Maps) -> Maps:
    cells_hw = (1, MAX_MAP_CELLS + 1)
    return Maps(np.zeros((19, *cells_hw), np.float32), np.zeros((38, *cells_hw), np.float32))


@pytest.mark.parametrize("make", [_not_a_number, _far_too_large])
def test_a_frame_whose_maps_can_not_be_sent_is_buried_and_the_worker_goes_on(
    bus: Bus, pipeline: Pipeline, make: Callable[[Maps], Maps]
) -> None:
    for width in (16, 32, 16):
        pipeline.publisher.publish(samples.info(), samples.picture(width, 8))
    with running(bus, _BadMaps(make), WorkerOptions(batch=1)):
        messages = [d.message for d in maps_of(pipeline, 3)]
    assert [type(m) for m in messages] == [MapsMessage, GapMessage, MapsMessage]
    assert isinstance(messages[1], GapMessage)
    assert messages[1].reason == "poison"
    ((_, letter),) = bus.client.xrange(bus.keys.dead(pipeline.partition))
    assert letter[b"detail"].startswith(b"its maps can't be sent: ")


def test_a_worker_says_that_it_lives_and_leaves_no_trace_after(
    server: EmbeddedServer, bus: Bus, pipeline: Pipeline
) -> None:
    pipeline.publish(1)
    with working(server, "lively"):
        maps_of(pipeline, 1)
        (beat,) = wait_until(bus.workers, "it says so")
        assert (beat.worker, beat.role) == ("lively", "inference")
    assert bus.workers() == []
