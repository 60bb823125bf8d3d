"""A post-processing worker against a real server: order, take-over, sharing, and trouble."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import msgpack
import pytest
import samples
from roles import make_pipeline
from waiting import PATIENT_S

from ghostpose.bus import Bus, FramePublisher, FrameReader, MapsReader, PartitionLeases
from ghostpose.bus.maps_reader import CONSUMER
from ghostpose.bus.steps import Step
from ghostpose.client import PoseReader
from ghostpose.errors import BusError, ConfigError
from ghostpose.types import PoseMessage
from postprocess import lane
from postprocess.loop import ROLE, run_postprocess
from postprocess.options import PostprocessOptions
from workers.engines.stub import standing_people

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from roles import Pipeline

    from ghostpose.bus import EmbeddedServer, FrameDelivery
    from postprocess.lane import Counts

LIMIT_S = 60.0
QUICK = PostprocessOptions(lease_ttl_s=0.5)
STEADY = PostprocessOptions()
"""Doesn't lose its lease, and do all again, where a busy machine stands still for a moment."""


@contextmanager
def working(
    server: EmbeddedServer, name: str, options: PostprocessOptions = QUICK
) -> Iterator[list[Counts]]:
    stop, done = threading.Event(), list["Counts"]()
    thread = threading.Thread(
        target=lambda: done.append(run_postprocess(server.url, stop, options, worker=name))
    )
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join(LIMIT_S)
    assert not thread.is_alive()


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.01)


@pytest.fixture
def free(pipeline: Pipeline) -> Pipeline:
    """Return the bus's roles without the lease that the test's own owner takes."""
    pipeline.leases.release(pipeline.lease)
    return pipeline


def hand_in(pipeline: Pipeline, deliveries: list[FrameDelivery]) -> None:
    for delivery in deliveries:
        pipeline.frames.finish(delivery, standing_people(368, 496), wait_ms=1, inference_ms=2)


def publish(pipeline: Pipeline, count: int) -> list[FrameDelivery]:
    for number in range(count):
        pipeline.publisher.publish(samples.info(0.1 * (number + 1)), samples.picture(496, 368))
    return pipeline.frames.take(count, 0)


def poses(server: EmbeddedServer, count: int, camera: str = "lobby") -> list[PoseMessage]:
    """Wait for `count` pose messages of the camera."""
    found: list[PoseMessage] = []
    with PoseReader(server.url, [camera], start="begin", timeout_s=PATIENT_S) as reader:
        until = time.monotonic() + LIMIT_S
        while len(found) < count and time.monotonic() < until:
            messages = [received.message for received in reader.read(block_s=0.1)]
            found += [m for m in messages if isinstance(m, PoseMessage)]
    assert len(found) == count
    return found


def test_a_worker_is_refused_a_budget_that_the_server_can_not_hold(server: EmbeddedServer) -> None:
    with pytest.raises(ConfigError, match="budget_mb 10000 doesn't fit"):
        run_postprocess(server.url, threading.Event(), budget_mb=10_000)


def test_a_worker_that_comes_first_creates_the_deployment_as_configured(
    server: EmbeddedServer,
) -> None:
    stop = threading.Event()
    stop.set()
    run_postprocess(server.url, stop, partitions=3)
    with Bus.connect(server.url) as bus:
        assert bus.partitions == 3


def test_frames_that_come_out_of_order_are_committed_in_order_with_their_people(
    server: EmbeddedServer, free: Pipeline
) -> None:
    deliveries = publish(free, 4)
    with working(server, "one"):
        hand_in(free, [deliveries[i] for i in (2, 0, 3, 1)])
        messages = poses(server, 4)
    assert [m.seq for m in messages] == [0, 1, 2, 3]
    tracks = [{person.track for person in m.people} for m in messages]
    assert tracks[0] == {"lobby-1", "lobby-2", "lobby-3"}
    assert all(ids == tracks[0] for ids in tracks)


def test_what_a_frame_waited_for_its_turn_is_in_its_timings(
    server: EmbeddedServer, free: Pipeline
) -> None:
    first, second = publish(free, 2)
    with working(server, "one"):
        hand_in(free, [second])
        time.sleep(0.3)  # what is measured below
        hand_in(free, [first])
        early, late = poses(server, 2)
    assert late.timings_ms.commit > 250
    assert early.timings_ms.commit < late.timings_ms.commit
    assert early.timings_ms.grouping > 0
    assert early.timings_ms.tracking > 0


def test_a_tombstone_and_the_end_of_a_session_keep_their_places(
    server: EmbeddedServer, bus: Bus, free: Pipeline
) -> None:
    first, second, third = publish(free, 3)
    free.frames.skip(second, "stale")
    free.publisher.end(frames_read=3, skipped={}, clock_repairs=0)
    with working(server, "one"):
        hand_in(free, [third, first])
        assert [m.seq for m in poses(server, 2)] == [0, 2]
        wait_for(lambda: bus.counters("lobby").sessions_ended == 1)
    counters = bus.counters("lobby")
    assert (counters.published, counters.poses, counters.gaps) == (3, 2, 1)


def test_whoever_takes_over_goes_on_with_the_tracks_and_with_what_was_pending(
    server: EmbeddedServer, free: Pipeline
) -> None:
    deliveries = publish(free, 4)
    with working(server, "one"):
        hand_in(free, [deliveries[0], deliveries[3]])
        poses(server, 1)
    with working(server, "two"):
        hand_in(free, [deliveries[1], deliveries[2]])
        messages = poses(server, 4)
    assert [m.seq for m in messages] == [0, 1, 2, 3]
    assert len({person.track for m in messages for person in m.people}) == 3


def test_a_new_session_begins_with_nobody_known_and_no_number_used_again(
    server: EmbeddedServer, free: Pipeline
) -> None:
    with working(server, "one"):
        hand_in(free, publish(free, 1))
        free.publisher.open_session()
        hand_in(free, publish(free, 1))
        before, after = poses(server, 2)
    assert after.session > before.session
    assert not {p.track for p in before.people} & {p.track for p in after.people}


def test_a_state_of_another_version_is_dropped_with_one_line_and_no_number_is_used_again(
    server: EmbeddedServer, bus: Bus, free: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    deliveries, began = publish(free, 2), int(time.time())
    with working(server, "one"):
        hand_in(free, deliveries[:1])
        poses(server, 1)
    bus.client.set(bus.keys.state("lobby"), msgpack.packb([99, 0, 0.1, 4, 0, b""]))
    with working(server, "two", STEADY):
        hand_in(free, deliveries[1:])
        _, after = poses(server, 2)
    numbers = [int((person.track or "").removeprefix("lobby-")) for person in after.people]
    assert len(numbers) == 3
    assert min(numbers) >= began
    assert len([r for r in caplog.records if "tracks begin anew" in r.getMessage()]) == 1


def test_workers_come_to_equal_shares_and_a_killed_ones_share_is_taken_over(
    server: EmbeddedServer, bus: Bus
) -> None:
    leases = PartitionLeases(bus, "looks on")
    with ExitStack() as first:
        first.enter_context(working(server, "one"))
        wait_for(lambda: list(leases.holders().values()).count("one") == 4)
        with working(server, "two"):
            wait_for(lambda: list(leases.holders().values()).count("two") == 2)
            wait_for(lambda: list(leases.holders().values()).count("one") == 2)
        wait_for(lambda: list(leases.holders().values()).count("one") == 4)


def test_a_partition_lost_to_another_worker_is_dropped_and_nothing_is_committed_twice(
    server: EmbeddedServer, bus: Bus, free: Pipeline
) -> None:
    deliveries = publish(free, 3)
    with working(server, "one"):
        hand_in(free, deliveries[:1])
        poses(server, 1)
        key = bus.keys.lease(free.partition)
        bus.client.hset(key, mapping={"owner": "thief", "token": "99999999999999"})
        hand_in(free, deliveries[1:])
        wait_for(lambda: PartitionLeases(bus, "x").holders().get(free.partition) == "one")
        assert [m.seq for m in poses(server, 3)] == [0, 1, 2]
    assert bus.counters("lobby").poses == 3


def test_a_frame_that_grouping_fails_on_is_given_up_and_the_next_goes_on(
    server: EmbeddedServer, bus: Bus, free: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    group = lane.group

    def fails_once(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise RuntimeError("a defect")
        return group(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(lane, "group", fails_once)
    deliveries = publish(free, 3)
    with working(server, "one", STEADY):
        hand_in(free, deliveries)
        messages = poses(server, 2)
    assert [m.seq for m in messages] == [0, 2]
    assert bus.counters("lobby").gaps_by_reason == {"poison": 1}
    assert bus.client.xlen(bus.keys.dead(free.partition)) == 1
    assert {p.track for p in messages[0].people} == {p.track for p in messages[1].people}


def test_a_commit_that_the_server_refuses_once_is_tried_again_though_nothing_new_comes(
    server: EmbeddedServer, free: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    commit_pose = MapsReader.commit_pose

    def refused_once(self: MapsReader, *arguments: object) -> bool:
        calls.append(arguments)
        if len(calls) == 1:
            raise BusError("try again later")
        return commit_pose(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(MapsReader, "commit_pose", refused_once)
    deliveries = publish(free, 1)
    with working(server, "one", STEADY) as done:
        hand_in(free, deliveries)
        (message,) = poses(server, 1)
    assert message.seq == 0
    assert len(calls) == 2
    assert done[0].poses == 1, "refused commits don't count"


def test_maps_whose_reply_was_lost_on_its_way_are_read_again(
    free: Pipeline, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step that hands maps out was done, its connection broke, and it was sent again."""
    run, lost = Bus.run, []

    def lose_once(bus: Bus, step: Step, *arguments: Any) -> Any:
        reply = run(bus, step, *arguments)
        if step is Step.TAKE_MAPS and not lost and any(entries for entries, _ in reply):
            lost.append(reply)
            return run(bus, step, *arguments)
        return reply

    monkeypatch.setattr(Bus, "run", lose_once)
    with working(server, "post-1"):
        hand_in(free, publish(free, 3))
        assert [pose.seq for pose in poses(server, 3)] == [0, 1, 2]
    assert lost


def test_a_server_that_failed_over_to_an_older_copy_is_read_again(
    server: EmbeddedServer, bus: Bus, free: Pipeline
) -> None:
    hand_in(free, publish(free, 3))
    stream, camera = bus.keys.maps(free.partition), bus.keys.camera("lobby")
    lost = [fields for _, fields in bus.client.xrange(stream)][1:]
    with working(server, "one"):
        poses(server, 3)
        # As the copy has it: the first frame is committed, the others are pending.
        with bus.client.pipeline(transaction=True) as change:
            for fields in lost:
                change.xadd(stream, fields)
            change.xreadgroup("postprocess", CONSUMER, {stream: ">"})
            change.hset(camera, "committed", "1")
            change.execute()
        hand_in(free, publish(free, 1))
        messages = poses(server, 6)
    assert [m.seq for m in messages] == [0, 1, 2, 1, 2, 3]
    assert bus.client.xlen(stream) == 0


def test_what_an_older_copy_has_not_handed_out_is_asked_for_though_others_are_busy(
    server: EmbeddedServer, bus: Bus, free: Pipeline
) -> None:
    """It waits for what is newer than what it was given last; this is as old."""
    names = map("busy-{}".format, itertools.count())
    busy = make_pipeline(bus, next(n for n in names if bus.keys.partition_of(n) != free.partition))
    busy.leases.release(busy.lease)
    hand_in(free, publish(free, 1))
    stream = bus.keys.maps(free.partition)
    ((entry, fields),) = bus.client.xrange(stream)
    with working(server, "one"):
        poses(server, 1)
        with bus.client.pipeline(transaction=True) as change:
            change.delete(stream)
            change.xadd(stream, fields, id=entry)
            change.xgroup_create(stream, "postprocess", "0")
            change.hset(bus.keys.camera("lobby"), "committed", "0")
            change.execute()

        def comes_again() -> bool:
            hand_in(busy, publish(busy, 1))
            return len(free.poses()) == 2

        wait_for(comes_again)
    assert [pose["seq"] for pose in free.poses()] == [0, 0]


def test_a_server_that_lost_its_memory_is_worked_for_again(
    server: EmbeddedServer, bus: Bus, free: Pipeline
) -> None:
    with working(server, "one"):
        hand_in(free, publish(free, 3))
        poses(server, 3)
        bus.client.flushall()
        with Bus.connect(server.url, partitions=4) as again:
            again.register_camera("lobby", policy="every", credit=4)
            publisher = FramePublisher(again, "lobby")
            publisher.open_session()
            publisher.publish(samples.info(), samples.picture(496, 368))
            frames = FrameReader(again, "infer")
            for delivery in frames.take(1, 1):
                frames.finish(delivery, standing_people(368, 496), wait_ms=1, inference_ms=1)
        (message,) = poses(server, 1)
    assert len(message.people) == 3


def test_a_worker_says_that_it_lives(server: EmbeddedServer, bus: Bus) -> None:
    with working(server, "lively"):
        wait_for(lambda: any(beat.role == ROLE for beat in bus.workers()))
    assert bus.workers() == []
