"""Reading poses and events: typed, in the order of commits, resumable."""

from __future__ import annotations

import json
import threading
import time

import pytest
import redis
import samples
from hypothesis import given
from hypothesis import strategies as st
from roles import Pipeline, make_pipeline
from waiting import PATIENT_S, wait_until

from ghostpose.client import Cursor, EventRecord, PoseReader, PoseRecord, Record
from ghostpose.client.batches import Batch, decode_batch
from ghostpose.codec.entries import StreamEntry
from ghostpose.codec.poses import encode_event, encode_pose
from ghostpose.errors import BusUnavailableError
from ghostpose.types import EventMessage, FrameId


def run(pipeline: Pipeline, frames: int) -> None:
    """Publish and commit so many frames."""
    for _ in range(frames):
        pipeline.publish()
        pipeline.infer()
        pipeline.commit()


def story(records: list[Record]) -> list[str]:
    """Return what happened, one word a record."""
    return [
        f"pose {r.message.seq}" if isinstance(r, PoseRecord) else r.message.kind for r in records
    ]


@pytest.fixture
def reader(server, bus):
    with PoseReader(server.url, start="begin") as made:
        yield made


def read_all(reader: PoseReader, count: int = 100) -> list[Record]:
    records: list[Record] = []
    while came := reader.read(0, count):
        records += came
    return records


def test_a_pose_comes_with_its_ids_times_and_json(pipeline, server) -> None:
    with PoseReader(server.url, ["lobby"], start="begin") as reader:
        run(pipeline, 1)
        start, pose = reader.read(1)
    assert isinstance(start, EventRecord)
    assert isinstance(pose, PoseRecord)
    assert (pose.camera, pose.message.camera, pose.message.seq) == ("lobby", "lobby", 0)
    assert pose.message.people[0].track == "lobby-0"
    assert json.loads(pose.json)["seq"] == 0
    assert pose.published_ms <= pose.committed_ms == int(pose.stream_id.split("-")[0])
    assert start.committed_ms <= pose.committed_ms


def test_poses_and_events_of_a_session_come_in_their_order(pipeline, server) -> None:
    pipeline.publish(4)
    for index, delivery in enumerate(pipeline.frames.take(4, 0)):
        if index == 2:
            pipeline.frames.skip(delivery, "stale")
        else:
            pipeline.finish(delivery)
        pipeline.commit()
    pipeline.publisher.end(frames_read=4, skipped={})
    pipeline.commit()
    with PoseReader(server.url, start="begin") as reader:
        told = story(read_all(reader))
    assert told == ["session_start", "pose 0", "pose 1", "gap", "pose 3", "session_end"]


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_the_end_of_a_session_never_comes_before_its_poses(bus, server, count: int) -> None:
    pipeline = make_pipeline(bus, "lobby", credit=20)
    pipeline.publish(10)
    pipeline.infer(10)
    pipeline.publisher.end(frames_read=10, skipped={})
    pipeline.commit(sorted(pipeline.take_maps(), key=lambda d: d.message.id.ticket))
    with PoseReader(server.url, start="begin") as reader:
        told = story(read_all(reader, count))
    assert told == ["session_start", *(f"pose {seq}" for seq in range(10)), "session_end"]


def test_a_reader_goes_on_where_another_stopped(pipeline, server) -> None:
    run(pipeline, 3)
    with PoseReader(server.url, start="begin") as first:
        assert len(read_all(first)) == 4
        cursor = first.cursor
    run(pipeline, 2)
    with PoseReader(server.url, cursor=cursor) as second:
        assert story(read_all(second)) == ["pose 3", "pose 4"]
    with PoseReader(server.url, cursor={"lobby": Cursor()}) as third:
        assert len(read_all(third)) == 6


def test_now_means_after_the_reader_was_made(pipeline, server) -> None:
    run(pipeline, 2)
    with PoseReader(server.url, start="now") as reader:
        run(pipeline, 1)
        assert story(read_all(reader)) == ["pose 2"]


def test_reading_waits_for_what_comes_and_no_longer(pipeline, server, monkeypatch) -> None:
    monkeypatch.setattr("ghostpose.client.questions.MAX_BLOCK_S", 60.0)
    with PoseReader(server.url, timeout_s=PATIENT_S) as reader:
        started = time.monotonic()
        threading.Timer(0.1, run, [pipeline, 1]).start()
        assert story(reader.read(60)) == ["pose 0"]
        assert 0.05 < time.monotonic() - started < 30
        started = time.monotonic()
        assert reader.read(0.05) == []
        assert 0.04 < time.monotonic() - started < 30


def test_only_the_chosen_cameras_are_read(bus, server) -> None:
    for name in ("a", "b"):
        run(make_pipeline(bus, name), 1)
    with PoseReader(server.url, ["b"], start="begin") as reader:
        assert {record.camera for record in read_all(reader)} == {"b"}
        assert reader.cameras == ("b",)


def test_cameras_that_appear_later_are_read_from_their_begin(bus, server, monkeypatch) -> None:
    monkeypatch.setattr("ghostpose.client.reading.DISCOVERY_S", 0.05)
    with PoseReader(server.url) as reader:
        assert reader.read(0) == []
        run(make_pipeline(bus, "late"), 2)
        records: list[Record] = []
        wait_until(lambda: records.extend(reader.read(0.1)) or len(records) >= 3, "three records")
    assert story(records) == ["session_start", "pose 0", "pose 1"]


def test_iterating_yields_one_record_after_the_other(pipeline, server) -> None:
    run(pipeline, 2)
    with PoseReader(server.url, start="begin") as reader:
        records = iter(reader)
        assert story([next(records) for _ in range(3)]) == ["session_start", "pose 0", "pose 1"]


def test_a_client_made_elsewhere_is_used_and_left_open(pipeline) -> None:
    run(pipeline, 1)
    with PoseReader(pipeline.bus.client, start="begin") as reader:
        assert len(read_all(reader)) == 2
    assert pipeline.bus.client.ping()


def test_entries_that_cannot_be_decoded_are_passed_over_and_counted(pipeline, server) -> None:
    poses, events = pipeline.bus.keys.poses("lobby"), pipeline.bus.keys.events("lobby")
    for fields in ({"d": "{}", "p": 1}, {"x": 1}, {"d": b"\xff", "p": "-"}):
        pipeline.bus.client.xadd(poses, fields)
    pipeline.bus.client.xadd(events, {"d": "[]"})
    run(pipeline, 1)
    with PoseReader(server.url, start="begin") as reader:
        assert story(read_all(reader)) == ["session_start", "pose 0"]
        assert reader.undecodable == 4


def test_no_server_is_one_sentence() -> None:
    with pytest.raises(BusUnavailableError, match="No Redis server answers"):
        PoseReader("redis://127.0.0.1:1", timeout_s=0.1)


def test_the_readme_way_without_ghostpose_works(pipeline, server) -> None:
    """HGET the camera's row, XREAD its poses: what a program in any language does."""
    run(pipeline, 1)
    with redis.Redis.from_url(server.url, decode_responses=True, protocol=2) as client:
        row = json.loads(client.hget("ghostpose:cameras", "lobby"))
        ((_, entries),) = client.xread({row["poses"]: "0"}, count=10)
        assert json.loads(entries[0][1]["d"])["camera"] == "lobby"


@given(st.data())
def test_whatever_an_entry_holds_a_reader_passes_over_it_or_takes_it(data: st.DataObject) -> None:
    pose = encode_pose(samples.pose(FrameId("lobby", 7, 3, 4)))
    event = encode_event(EventMessage("gap", "lobby", 7, 3, {"reason": "stale"}))
    fields = {b"d": data.draw(samples.damaged(pose)), b"p": data.draw(st.binary(max_size=20))}
    poses = [StreamEntry("1-1", fields)]
    events = [StreamEntry("1-2", {b"d": data.draw(samples.damaged(event))}), StreamEntry("1-3", {})]
    records, undecodable = decode_batch(Batch("lobby", poses, events))
    assert len(records) + undecodable == 3
    assert undecodable >= 1
