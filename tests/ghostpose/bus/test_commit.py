"""Leases and commits: one writer, in order, once."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from functools import partial

import pytest
import samples
from roles import make_pipeline
from waiting import wait_until

from ghostpose.bus import CameraPosition, MapsReader, PartitionLeases
from ghostpose.errors import BusError, InvalidValueError, LeaseLostError
from ghostpose.types import EndMessage, GapMessage


def test_poses_come_in_the_order_of_publishing(pipeline) -> None:
    pipeline.publish(4)
    for delivery in reversed(pipeline.frames.take(4, 0)):
        assert pipeline.finish(delivery)
    early = pipeline.take_maps()
    assert [d.message.id.seq for d in early] == [3, 2, 1, 0]
    with pytest.raises(BusError, match="isn't its turn"):
        pipeline.commit_one(early[0])
    assert all(pipeline.commit(reversed(early)))
    assert pipeline.committed_seqs() == [0, 1, 2, 3]


def test_a_commit_stores_message_state_and_position_in_one_step(pipeline) -> None:
    (published,) = pipeline.publish()
    pipeline.infer()
    assert pipeline.commit() == [True]
    ((_, entry),) = pipeline.bus.client.xrange(pipeline.bus.keys.poses("lobby"))
    assert int(entry[b"p"]) == published.at_ms
    assert pipeline.poses()[0]["people"][0]["track"] == "lobby-0"
    assert pipeline.maps.state("lobby") == b"1"
    assert pipeline.maps.committed("lobby") == CameraPosition(pipeline.publisher.session, 1)
    assert pipeline.bus.client.xlen(pipeline.bus.keys.maps(pipeline.partition)) == 0


def test_a_camera_without_commits_has_no_position_and_no_state(pipeline) -> None:
    assert pipeline.maps.committed("lobby") == CameraPosition(-1, 0)
    assert pipeline.maps.state("lobby") == b""


def test_committing_twice_is_committing_once(pipeline) -> None:
    pipeline.publish()
    pipeline.infer()
    (delivery,) = pipeline.take_maps()
    assert pipeline.commit_one(delivery)
    assert not pipeline.commit_one(delivery)
    assert pipeline.committed_seqs() == [0]
    assert pipeline.bus.counters("lobby").poses == 1


def test_a_gap_without_state_leaves_the_state_as_it_is(pipeline) -> None:
    pipeline.publish(2)
    first, second = pipeline.frames.take(2, 0)
    pipeline.finish(first)
    pipeline.commit()
    pipeline.frames.skip(second, "stale")
    (gap,) = pipeline.take_maps()
    assert pipeline.maps.commit_gap(pipeline.lease, gap, None)
    assert pipeline.maps.state("lobby") == b"1"


def test_the_end_of_a_session_is_ordered_behind_its_frames_and_counts_them(pipeline) -> None:
    pipeline.publish(3)
    pipeline.publisher.end(frames_read=5, skipped={"rate": 2}, clock_repairs=4)
    first, second, third = pipeline.frames.take(3, 0)
    pipeline.finish(first)
    pipeline.frames.skip(second, "stale")
    pipeline.finish(third)
    end, *results = pipeline.take_maps()
    assert isinstance(end.message, EndMessage)
    with pytest.raises(BusError, match="turn"):
        pipeline.commit_one(end)
    pipeline.commit([*results, end])
    assert [event["kind"] for event in pipeline.events()] == ["session_start", "gap", "session_end"]
    last = pipeline.events()[-1]
    assert (last["session"], last["seq"]) == (pipeline.publisher.session, 3)
    assert last["details"] == {
        "frames_read": 5,
        "skipped": {"rate": 2},
        "clock_repairs": 4,
        "published": 3,
        "poses": 2,
        "gaps": 1,
    }


def test_counters_balance_exactly_over_two_sessions(pipeline) -> None:
    for _ in range(2):
        pipeline.publisher.open_session()
        pipeline.publish(3)
        pipeline.publisher.end(frames_read=4, skipped={"stale": 1})
        skipped, *rest = pipeline.frames.take(3, 0)
        pipeline.frames.skip(skipped, "stale")
        for delivery in rest:
            pipeline.finish(delivery)
        pipeline.commit(sorted(pipeline.take_maps(), key=lambda d: d.message.id.ticket))
    counters = pipeline.bus.counters("lobby")
    assert (counters.published, counters.poses, counters.gaps) == (6, 4, 2)
    assert counters.gaps_by_reason == {"stale": 2}
    assert (counters.read, counters.skipped_by_reason) == (8, {"stale": 2})
    assert (counters.sessions_ended, counters.in_flight, counters.dead) == (2, 0, 0)
    assert [e["details"]["poses"] for e in pipeline.events() if e["kind"] == "session_end"] == [
        2,
        2,
    ]


def test_damaged_maps_become_a_gap_and_a_dead_letter_at_their_turn(pipeline) -> None:
    pipeline.publish(2)
    pipeline.infer(2)
    stream = pipeline.bus.keys.maps(pipeline.partition)
    (first_id, first), (second_id, second) = pipeline.bus.client.xrange(stream)
    pipeline.bus.client.xdel(stream, first_id, second_id)
    pipeline.bus.client.xadd(stream, dict(first) | {b"p": b"no maps"})
    pipeline.bus.client.xadd(stream, second)
    deliveries = pipeline.take_maps()
    assert pipeline.maps.undecodable == 1
    assert isinstance(deliveries[0].message, GapMessage)
    assert pipeline.commit(deliveries) == [True, True]
    assert pipeline.committed_seqs() == [1]
    assert pipeline.events()[-1]["details"] == {"reason": "decode"}
    ((_, letter),) = pipeline.bus.client.xrange(pipeline.bus.keys.dead(pipeline.partition))
    assert (letter[b"why"], letter[b"p"]) == (b"decode", b"no maps")
    assert b"begin as maps do" in letter[b"detail"]
    assert pipeline.bus.counters("lobby").dead == 1


@pytest.mark.parametrize("fields", [{"x": "y"}, {"c": "lobby", "s": "-", "q": 2, "t": 3}])
def test_a_maps_entry_that_names_no_frame_is_buried(pipeline, fields) -> None:
    stream = pipeline.bus.keys.maps(pipeline.partition)
    pipeline.bus.client.xadd(stream, fields)
    assert not pipeline.take_maps()
    assert pipeline.bus.client.xlen(stream) == 0
    assert pipeline.bus.client.xlen(pipeline.bus.keys.dead(pipeline.partition)) == 1


def test_only_the_frames_own_pose_can_be_committed_for_it(pipeline) -> None:
    pipeline.publish()
    pipeline.infer()
    (delivery,) = pipeline.take_maps()
    pose = replace(samples.pose(delivery.message.id), seq=7)
    with pytest.raises(InvalidValueError, match="can't be committed"):
        pipeline.maps.commit_pose(pipeline.lease, delivery, pose, b"")
    with pytest.raises(InvalidValueError, match="no gap"):
        pipeline.maps.commit_gap(pipeline.lease, delivery, b"")
    with pytest.raises(InvalidValueError, match="no end"):
        pipeline.maps.commit_end(pipeline.lease, delivery, b"")


def test_a_lease_of_another_partition_is_refused(pipeline) -> None:
    pipeline.publish()
    pipeline.infer()
    (delivery,) = pipeline.take_maps()
    other = pipeline.leases.take((pipeline.partition + 1) % pipeline.bus.partitions)
    with pytest.raises(InvalidValueError, match="partition"):
        pipeline.commit_one(delivery, other)


def test_taking_maps_waits_for_them_and_no_longer(pipeline, monkeypatch) -> None:
    monkeypatch.setattr("ghostpose.bus.maps_reader.MAX_BLOCK_S", 60.0)
    pipeline.publish()
    started = time.monotonic()
    threading.Timer(0.1, pipeline.infer).start()
    assert len(pipeline.maps.take([pipeline.lease], 10, 60)) == 1
    assert 0.05 < time.monotonic() - started < 30
    started = time.monotonic()
    assert not pipeline.maps.take([pipeline.lease], 10, 0.05), "pending entries must not wake it"
    assert 0.04 < time.monotonic() - started < 30


def test_one_reader_serves_all_partitions_it_leases(bus) -> None:
    pipelines = [make_pipeline(bus, name) for name in ("a", "b", "c", "d")]
    leases = {p.partition: p.lease for p in pipelines}
    for pipeline in pipelines:
        leases[pipeline.partition] = pipeline.leases.renew(leases[pipeline.partition])
        pipeline.publish()
    assert pipelines[0].infer(10) == 4
    taken = pipelines[0].maps.take(list(leases.values()), 10, 0)
    assert sorted(d.message.id.camera for d in taken) == ["a", "b", "c", "d"]


# Leases


def test_a_lease_is_held_by_one_worker_until_it_runs_out(bus) -> None:
    one, two = PartitionLeases(bus, "one", 30), PartitionLeases(bus, "two", 30)
    lease = one.take(2)
    assert lease is not None
    assert two.take(2) is None
    assert two.take(1) is not None
    assert one.holders() == {1: "two", 2: "one"}
    one.release(lease)
    taken = two.take(2)
    assert taken is not None
    assert taken.token > lease.token
    with pytest.raises(LeaseLostError, match="partition 2"):
        one.renew(lease)
    one.release(lease)
    assert two.holders() == {1: "two", 2: "two"}


def test_renewing_moves_the_end_and_keeps_the_token(bus) -> None:
    lease = PartitionLeases(bus, "one", 1).take(0)
    assert lease is not None
    renewed = PartitionLeases(bus, "one", 60).renew(lease)
    assert renewed.token == lease.token
    assert renewed.until_ms > lease.until_ms + 50_000


def test_a_lease_that_ran_out_can_be_taken_or_renewed_by_who_comes_first(bus) -> None:
    one, two = PartitionLeases(bus, "one", 0.02), PartitionLeases(bus, "two", 30)
    lease = one.take(0)
    assert lease is not None
    assert one.renew(lease).token == lease.token
    taken = eventually(lambda: two.take(0))
    assert taken.token > lease.token
    with pytest.raises(LeaseLostError):
        one.renew(lease)


def test_tokens_grow_even_over_a_loss_of_the_servers_memory(bus) -> None:
    leases = PartitionLeases(bus, "one")
    before = leases.take(0)
    assert before is not None
    bus.client.flushall()
    eventually(lambda: bus.server_time_ms() > before.token)  # no restart is faster
    after = leases.take(0)
    assert after is not None
    assert after.token > before.token


def test_a_partition_that_does_not_exist_is_refused(bus) -> None:
    with pytest.raises(InvalidValueError, match="partition 4 of 4"):
        PartitionLeases(bus, "one").take(4)


# Take-over


def test_late_commit_of_a_former_owner_is_refused(pipeline) -> None:
    pipeline.publish()
    pipeline.infer()
    (delivery,) = pipeline.take_maps()
    pipeline.leases.release(pipeline.lease)
    taken = PartitionLeases(pipeline.bus, "post-2", 30).take(pipeline.partition)
    with pytest.raises(LeaseLostError, match="lobby"):
        pipeline.commit_one(delivery)
    assert pipeline.committed_seqs() == []
    (again,) = MapsReader(pipeline.bus).pending(taken)
    assert pipeline.commit_one(again, taken)
    with pytest.raises(LeaseLostError):
        pipeline.commit_one(delivery)
    assert pipeline.committed_seqs() == [0]


def test_a_commit_with_a_lease_that_ran_out_is_refused_though_nobody_took_it(pipeline) -> None:
    pipeline.publish()
    pipeline.infer()
    (delivery,) = pipeline.take_maps()
    short = PartitionLeases(pipeline.bus, "post-1", 0.001).take(pipeline.partition)
    assert short is not None
    eventually(lambda: pipeline.bus.server_time_ms() > short.until_ms)
    with pytest.raises(LeaseLostError, match="run out"):
        pipeline.commit_one(delivery, short)
    assert pipeline.commit_one(delivery, pipeline.leases.renew(short))


def test_whoever_takes_over_reads_what_was_pending_first_and_then_what_is_new(pipeline) -> None:
    pipeline.publish(4)
    pipeline.infer(2)
    before = pipeline.take_maps()
    pipeline.infer(1)
    pipeline.leases.release(pipeline.lease)
    second = PartitionLeases(pipeline.bus, "post-2", 30).take(pipeline.partition)
    reader = MapsReader(pipeline.bus)
    assert [d.entry_id for d in reader.pending(second)] == [d.entry_id for d in before]
    pipeline.infer(1)
    assert [d.message.id.seq for d in reader.take([second], 10, 0)] == [2, 3]


def test_a_former_owner_is_handed_nothing_any_more(pipeline) -> None:
    pipeline.publish(2)
    pipeline.infer(1)
    pipeline.take_maps()
    pipeline.leases.release(pipeline.lease)
    second = PartitionLeases(pipeline.bus, "post-2", 30).take(pipeline.partition)
    reader = MapsReader(pipeline.bus)
    reader.pending(second)
    pipeline.infer(1)
    assert pipeline.maps.take([pipeline.lease], 10, 0.01) == []
    assert [d.message.id.seq for d in reader.take([second], 10, 0)] == [1]


def test_pending_entries_are_read_however_many_they_are(bus) -> None:
    pipeline = make_pipeline(bus, "lobby", credit=200)
    pipeline.publish(150)
    pipeline.infer(150)
    assert len(pipeline.maps.take([pipeline.lease], 1000, 0)) == 150
    assert [d.message.id.seq for d in pipeline.maps.pending(pipeline.lease)] == list(range(150))


def test_pending_entries_that_vanished_are_forgotten(pipeline) -> None:
    pipeline.publish(2)
    pipeline.infer(2)
    first, _ = pipeline.take_maps()
    pipeline.bus.client.xdel(first.stream, first.entry_id)
    assert [d.message.id.seq for d in pipeline.maps.pending(pipeline.lease)] == [1]
    assert pipeline.bus.client.xpending(first.stream, "postprocess")["pending"] == 1


def test_nothing_is_pending_in_a_new_deployment(pipeline) -> None:
    pipeline.bus.client.flushall()
    assert pipeline.maps.pending(pipeline.lease) == []


eventually = partial(wait_until, what="what this test waits for", limit_s=60.0)
