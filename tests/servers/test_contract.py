"""The contract of delivery, on every kind of server."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import samples
from redis.cluster import RedisCluster
from roles import make_pipeline
from waiting import PATIENT_S
from whole import Whole

from ghostpose.bus import Bus, Full, MapsReader, PartitionLeases
from ghostpose.client import AsyncPoseGroup, AsyncPoseReader, PoseGroup, PoseReader
from ghostpose.errors import BusError, BusUnavailableError, LeaseLostError, StaleSessionError
from ghostpose.server import connect, is_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ghostpose.client import Record


@pytest.fixture
def bus(url: str) -> Iterator[Bus]:
    with closing(connect(url, timeout_s=PATIENT_S)) as client:
        whole = {"target_nodes": RedisCluster.PRIMARIES} if is_cluster(client) else {}
        client.flushall(**whole)
    with Bus.connect(url, partitions=4, timeout_s=PATIENT_S) as connected:
        yield connected


def test_only_the_credit_is_in_flight_and_only_the_newest_session_publishes(bus: Bus) -> None:
    pipeline = make_pipeline(bus, "credit")
    former = pipeline.publisher
    pipeline.publish(4)
    assert isinstance(former.publish(samples.info(), samples.picture()), Full)
    make_pipeline(bus, "credit")
    with pytest.raises(StaleSessionError):
        former.publish(samples.info(), samples.picture())


def test_of_two_workers_with_a_frame_the_first_counts(bus: Bus) -> None:
    pipeline = make_pipeline(bus, "first")
    pipeline.publish()
    (taken,) = pipeline.frames.take(1, 1)
    (claimed,) = pipeline.frames.claim_idle(0, 1)
    assert claimed.deliveries == 2
    assert pipeline.finish(claimed)
    assert not pipeline.finish(taken)
    assert pipeline.commit() == [True]
    assert pipeline.committed_seqs() == [0]


def test_commits_are_in_order_and_refused_from_a_former_owner(bus: Bus) -> None:
    pipeline = make_pipeline(bus, "order")
    pipeline.publish(3)
    pipeline.infer(3)
    first, second, third = pipeline.take_maps()
    with pytest.raises(BusError, match="isn't its turn"):
        pipeline.commit_one(second)
    assert pipeline.commit_one(first)
    pipeline.leases.release(pipeline.lease)
    lease = PartitionLeases(bus, "post-2", ttl_s=30).take(pipeline.partition)
    assert lease is not None
    with pytest.raises(LeaseLostError):
        pipeline.commit_one(second)
    pending = MapsReader(bus).pending(lease)
    assert [delivery.message.id for delivery in pending] == [second.message.id, third.message.id]
    assert [pipeline.commit_one(delivery, lease) for delivery in pending] == [True, True]
    assert not pipeline.commit_one(pending[0], lease), "a duplicate vanishes"
    assert pipeline.committed_seqs() == [0, 1, 2]


def test_skipped_and_buried_frames_are_gaps_and_the_end_comes_last(bus: Bus, url: str) -> None:
    pipeline = make_pipeline(bus, "gaps")
    pipeline.publish(3)
    stale, poisoned, good = pipeline.frames.take(3, 1)
    pipeline.finish(good)
    pipeline.frames.skip(stale, "stale")
    pipeline.frames.bury(poisoned, "poison", "tested")
    pipeline.publisher.end(frames_read=4, skipped={"rate": 1})
    by_ticket = sorted(pipeline.take_maps(), key=lambda delivery: delivery.message.id.ticket)
    assert pipeline.commit(by_ticket) == [True] * 4
    counters = bus.counters("gaps")
    assert (counters.published, counters.poses, counters.gaps) == (3, 1, 2)
    assert (counters.read, dict(counters.skipped_by_reason)) == (4, {"rate": 1})
    with PoseReader(url, ["gaps"], start="begin") as reader:
        records = reader.read(5)
    assert [type(record).__name__ for record in records] == [
        "EventRecord", "EventRecord", "EventRecord", "PoseRecord", "EventRecord",
    ]  # fmt: skip


def test_a_recording_goes_through_all_roles_into_a_consumer_and_a_database(
    bus: Bus, url: str, tmp_path: Path
) -> None:
    with Whole(lambda _: url, tmp_path) as whole:
        report = whole.join_camera()
        whole.assert_ledger_balances(bus, report)
    assert report.tally.published == 25
    assert bus.counters("hall").poses == 25


def test_the_reader_of_asyncio_and_a_group_get_what_the_reader_gets(bus: Bus, url: str) -> None:
    pipeline = make_pipeline(bus, "twins")
    pipeline.publish(3)
    pipeline.infer(3)
    assert pipeline.commit() == [True] * 3

    async def twins() -> list[Record]:
        async with AsyncPoseReader(url, ["twins"], start="begin") as reader:
            return await reader.read(5)

    async def group() -> list[Record]:
        async with AsyncPoseGroup(url, "async", ["twins"], start="begin") as member:
            records = await member.read(5)
            await member.acknowledge(records)
            return records

    with (
        PoseReader(url, ["twins"], start="begin") as reader,
        PoseGroup(url, "sync", ["twins"], start="begin") as member,
    ):
        expected, shared = reader.read(5), member.read(5)
        member.acknowledge(shared)
    assert len(expected) == 4
    for others in (shared, asyncio.run(twins()), asyncio.run(group())):
        assert [one.stream_id for one in others] == [one.stream_id for one in expected]
    pending = bus.client.xpending(bus.keys.poses("twins"), "sync")
    assert pending["pending"] == 0


@pytest.mark.parametrize("url", ["TLS"], indirect=True)
def test_an_encrypted_server_refuses_plain_clients_and_needs_to_be_trusted(url: str) -> None:
    with pytest.raises(BusUnavailableError):
        Bus.connect(url.replace("rediss://", "redis://").partition("?")[0], timeout_s=0.2)
    with pytest.raises(BusUnavailableError, match="certificate"):
        Bus.connect(url.partition("?")[0], timeout_s=0.2)
