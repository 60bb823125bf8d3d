"""The store's worker between a real server and real databases."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest
from databases import empty_postgresql
from roles import make_pipeline
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import DataError, OperationalError
from written import pose, write

from ghostpose.bus import Bus, connection, consumers
from ghostpose.codec.poses import encode_event
from ghostpose.errors import BusUnavailableError, StoreError
from ghostpose.server import connect
from ghostpose.topics import STORE_GROUP
from ghostpose.types import EventMessage
from postprocess.store import group_reader, open_database, run_store
from postprocess.store import schema as tables
from postprocess.store import worker as store_worker
from postprocess.store.group_reader import GroupReader
from postprocess.store.retention import Retention

LIMIT_S = 60.0


@pytest.fixture(autouse=True)
def it_looks_often(monkeypatch):
    monkeypatch.setattr(store_worker, "TURN_S", 0.05)


@contextmanager
def storing(server, address: str, name: str = "store-1", keep_days: float | None = None):
    """`run_store` in a thread; yields a list that gets its report."""
    stop, reports, failures = threading.Event(), [], []

    def run() -> None:
        try:
            kept = Retention(keep_days)
            report = run_store(server.url, address, worker=name, stop=stop, retention=kept)
            reports.append(report)
        except Exception as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield reports
    finally:
        stop.set()
        thread.join(LIMIT_S)
        assert not thread.is_alive()
        assert not failures


def count(address: str, table) -> int:
    engine = create_engine(open_database(address).url)
    with engine.connect() as connection:
        found = connection.execute(select(func.count()).select_from(table)).scalar()
    engine.dispose()
    return found


def wait_until(condition) -> None:
    until = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.02)


def play(pipeline, frames: int) -> None:
    """Publish, infer and commit `frames` frames of one camera."""
    for _ in range(frames):
        pipeline.publish()
        pipeline.infer()
        pipeline.commit()


def unacknowledged(bus: Bus, pipeline) -> int:
    """How many of the camera's poses a worker has and has not acknowledged."""
    poses = bus.keys.poses(pipeline.camera)
    if not bus.client.exists(poses) or not bus.client.xinfo_groups(poses):
        return 0
    return bus.client.xpending(poses, STORE_GROUP)["pending"]


@pytest.fixture
def file_address(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'poses.sqlite'}"


def test_what_is_committed_is_stored_and_acknowledged(server, bus, pipeline, address):
    play(pipeline, 5)
    pipeline.publisher.end(frames_read=6, skipped={"rate": 1})
    pipeline.commit()
    with storing(server, address) as reports:
        pass  # stopping drains
    assert count(address, tables.poses) == 5
    assert count(address, tables.people) == 5
    assert reports[0].poses == 5
    assert unacknowledged(bus, pipeline) == 0
    engine = open_database(address)
    with engine.connect() as connection:
        session = connection.execute(select(tables.sessions)).one()
    engine.dispose()
    assert (session.frames_read, session.frames_published, session.skipped) == (
        6,
        5,
        '{"rate": 1}',
    )


def test_the_backlog_of_many_cameras_is_read_in_parts(
    server, bus, pipeline, file_address, monkeypatch
):
    """For the store's memory: the database may have been away for hours."""
    monkeypatch.setattr(group_reader, "MOST_AT_ONCE", 8)
    other = make_pipeline(bus, "other")
    play(pipeline, 7)
    play(other, 9)
    taken = GroupReader(bus, "killed").take(64)
    # Two cameras have four streams; the events' hold the start of a session each.
    assert Counter(delivery.stream for delivery in taken) == {
        bus.keys.poses("other"): 2,
        bus.keys.poses(pipeline.camera): 2,
        bus.keys.events("other"): 1,
        bus.keys.events(pipeline.camera): 1,
    }
    monkeypatch.setattr(store_worker, "TURN_S", LIMIT_S)  # so it must not wait between parts
    monkeypatch.setattr(store_worker, "CLAIM_IDLE_S", 0.0)
    with storing(server, file_address):
        wait_until(lambda: count(file_address, tables.poses) == 16)


def test_cameras_that_appear_later_are_found(server, bus, pipeline, file_address):
    with storing(server, file_address):
        play(pipeline, 1)
        wait_until(lambda: count(file_address, tables.poses) == 1)
        later = make_pipeline(bus, "later")
        play(later, 2)
        wait_until(lambda: count(file_address, tables.poses) == 3)


def test_what_a_dead_worker_held_is_stored_once(server, bus, pipeline, file_address, monkeypatch):
    monkeypatch.setattr(store_worker, "CLAIM_IDLE_S", 0.1)
    monkeypatch.setattr(store_worker, "CLAIM_EVERY_S", 0.1)
    play(pipeline, 4)
    assert len(GroupReader(bus, "dead").take(10)) == 5  # the session's start is an event
    with storing(server, file_address, "alive"):
        wait_until(lambda: count(file_address, tables.poses) == 4)
        wait_until(lambda: unacknowledged(bus, pipeline) == 0)


def test_a_store_that_is_stopped_takes_over_first_what_a_killed_one_held(
    server, bus, pipeline, file_address, monkeypatch
):
    monkeypatch.setattr(store_worker, "CLAIM_IDLE_S", 0.5)
    play(pipeline, 4)
    assert len(GroupReader(bus, "killed").take(10)) == 5
    with storing(server, file_address, "next"):
        pass
    assert count(file_address, tables.poses) == 4
    assert unacknowledged(bus, pipeline) == 0


def test_messages_whose_reply_was_lost_on_its_way_are_stored(server, bus, pipeline, file_address):
    play(pipeline, 3)
    assert len(GroupReader(bus, "store-1").take(2)) >= 2  # and nobody ever sees them
    with storing(server, file_address, "store-1"):
        pass
    assert count(file_address, tables.poses) == 3
    assert unacknowledged(bus, pipeline) == 0


def test_a_crash_between_commit_and_acknowledgement_writes_nothing_twice(
    server, bus, pipeline, file_address, monkeypatch
):
    monkeypatch.setattr(store_worker, "CLAIM_IDLE_S", 0.1)
    monkeypatch.setattr(store_worker, "CLAIM_EVERY_S", 0.1)
    play(pipeline, 4)
    acknowledge = GroupReader.acknowledge
    lost = []

    def fail_once(self, deliveries):
        if not lost:
            lost.append(deliveries)
            raise BusUnavailableError("the server went away")
        acknowledge(self, deliveries)

    monkeypatch.setattr(GroupReader, "acknowledge", fail_once)
    with storing(server, file_address):
        wait_until(lambda: lost and unacknowledged(bus, pipeline) == 0)
    assert count(file_address, tables.poses) == 4
    assert count(file_address, tables.people) == 4


def test_while_the_database_is_away_poses_wait_and_are_caught_up(
    server, bus, pipeline, file_address, monkeypatch
):
    monkeypatch.setattr(store_worker, "PAUSES_S", (0.05,))
    open_database(file_address).dispose()
    engine = create_engine(file_address)
    with engine.connect() as connection:
        connection.execute(text("ALTER TABLE poses RENAME TO away"))
        connection.commit()
    with storing(server, file_address):
        play(pipeline, 6)
        wait_until(lambda: unacknowledged(bus, pipeline) > 0)
        with engine.connect() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO poses"))
            connection.commit()
        wait_until(lambda: count(file_address, tables.poses) == 6)
    assert unacknowledged(bus, pipeline) == 0


def test_stopping_while_the_database_is_away_loses_nothing(
    server, bus, pipeline, file_address, monkeypatch
):
    monkeypatch.setattr(store_worker, "CLAIM_IDLE_S", 0.1)
    open_database(file_address).dispose()
    engine = create_engine(file_address)
    with engine.connect() as connection:
        connection.execute(text("ALTER TABLE poses RENAME TO away"))
        connection.commit()
    play(pipeline, 3)
    with storing(server, file_address, "first"):
        wait_until(lambda: unacknowledged(bus, pipeline) > 0)
    with engine.connect() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO poses"))
        connection.commit()
    time.sleep(0.15)  # as long as messages must lie idle before they are taken over
    with storing(server, file_address, "second"):
        wait_until(lambda: count(file_address, tables.poses) == 3)


def test_stopping_while_the_rest_of_a_batch_can_not_be_written_loses_nothing(
    server, bus, pipeline, file_address, monkeypatch
):
    play(pipeline, 3)
    stop = threading.Event()

    def refuse_then_go_away(connection, batch) -> None:
        if len(batch.poses) + len(batch.events) > 1:
            raise DataError("insert", {}, Exception("one of them can't be stored"))
        stop.set()
        raise OperationalError("insert", {}, Exception("the database went away"))

    monkeypatch.setattr(store_worker, "write_batch", refuse_then_go_away)
    with pytest.MonkeyPatch.context() as no_drain:
        no_drain.setattr(store_worker.StoreWorker, "_drain", lambda *_: None)
        run_store(server.url, file_address, stop)
    assert unacknowledged(bus, pipeline) == 3


def test_a_postgresql_server_that_goes_and_comes_back_has_everything_once(
    server, bus, pipeline, postgresql_server, monkeypatch
):
    monkeypatch.setattr(store_worker, "PAUSES_S", (0.05,))
    address = empty_postgresql(postgresql_server)
    with storing(server, address):
        play(pipeline, 3)
        wait_until(lambda: count(address, tables.poses) == 3)
        postgresql_server.stop()
        play(pipeline, 3)
        wait_until(lambda: unacknowledged(bus, pipeline) > 0)
        postgresql_server.start()
        wait_until(lambda: count(address, tables.poses) == 6)
        wait_until(lambda: unacknowledged(bus, pipeline) == 0)
    assert count(address, tables.people) == 6


def test_a_store_that_starts_before_its_postgresql_server_waits_for_it(
    server, bus, pipeline, postgresql_server, monkeypatch
):
    monkeypatch.setattr(store_worker, "PAUSES_S", (0.05,))
    address = empty_postgresql(postgresql_server)
    postgresql_server.stop()
    play(pipeline, 2)
    with storing(server, address):
        postgresql_server.start()
        wait_until(lambda: count(address, tables.poses) == 2)


def test_old_frames_go_while_new_ones_come(server, bus, pipeline, address):
    engine = open_database(address)
    write(engine, *[pose(seq, camera="yard") for seq in range(20)])
    with storing(server, address, keep_days=1):
        play(pipeline, 2)
        wait_until(lambda: count(address, tables.poses) == 2)
    engine.dispose()


def test_a_server_that_lost_its_memory_is_read_from_its_begin(server, bus, pipeline, file_address):
    with storing(server, file_address):
        play(pipeline, 2)
        wait_until(lambda: count(file_address, tables.poses) == 2)
        bus.client.delete(bus.keys.poses(pipeline.camera), bus.keys.events(pipeline.camera))
        play(pipeline, 2)
        wait_until(lambda: count(file_address, tables.poses) == 4)


def test_a_camera_whose_streams_vanished_holds_up_no_other(bus, pipeline):
    other = make_pipeline(bus, "gate")
    play(pipeline, 1)
    play(other, 1)
    reader = GroupReader(bus, "store-1")
    assert len(reader.take(10)) == 4
    bus.client.delete(bus.keys.poses("lobby"), bus.keys.events("lobby"))
    assert {d.stream for d in reader.claim(0, 10)} == {
        bus.keys.poses("gate"),
        bus.keys.events("gate"),
    }
    play(pipeline, 1)
    reader.take(10)  # makes the groups again
    assert [d.message.seq for d in reader.take(10)] == [1]


def test_killed_store_workers_are_forgotten(bus, pipeline, monkeypatch):
    monkeypatch.setattr(consumers, "IDLE_S", 0.0)
    play(pipeline, 1)
    killed = GroupReader(bus, "killed")
    killed.acknowledge(killed.take(10))
    GroupReader(bus, "store-2").claim(60, 10)
    left = bus.client.xinfo_consumers(bus.keys.poses("lobby"), STORE_GROUP)
    assert [row["name"] for row in left] == [b"store-2"]


def test_messages_that_can_not_be_stored_are_left_out_alone(server, bus, pipeline, address):
    play(pipeline, 2)
    poses = bus.keys.poses(pipeline.camera)
    bus.client.xadd(poses, {"d": b"no message", "p": "0"})
    (_, fields), *_ = bus.client.xrange(poses)
    bad_track = fields[b"d"].replace(b'"lobby-0"', b'"elsewhere-0"')
    assert bad_track != fields[b"d"]
    bus.client.xadd(poses, {"d": bad_track, "p": "0"})
    for details in (
        {"zone": "till"},
        {"zone": "a\0b", "captured_at": 1},
        {"captured_at": "noon"},
        {"captured_at": 10**400},
    ):
        told = encode_event(EventMessage("enter", pipeline.camera, 5, 1, details))
        bus.client.xadd(bus.keys.events(pipeline.camera), {"d": told, "p": "0"})
    play(pipeline, 1)
    with storing(server, address) as reports:
        pass
    assert count(address, tables.poses) == 3
    assert reports[0].refused == 6
    assert unacknowledged(bus, pipeline) == 0


def test_two_workers_store_each_message_once(server, bus, pipeline, address):
    with storing(server, address, "one"), storing(server, address, "two"):
        play(pipeline, 30)
        wait_until(lambda: count(address, tables.poses) == 30)
    assert count(address, tables.people) == 30


def test_a_store_that_comes_first_creates_the_deployment_as_configured(server, file_address):
    stop = threading.Event()
    stop.set()
    run_store(server.url, file_address, stop=stop, partitions=3)
    with Bus.connect(server.url) as bus:
        assert bus.partitions == 3


def test_no_server_is_one_sentence(tmp_path, file_address, monkeypatch):
    monkeypatch.setattr(connection, "connect", lambda url, **_: connect(url, timeout_s=0.1))
    with pytest.raises(BusUnavailableError, match="No Redis server answers"):
        run_store(f"unix://{tmp_path}/none.sock", file_address, stop=threading.Event())


def test_a_database_that_can_not_be_used_ends_the_worker(server, tmp_path):
    with pytest.raises(StoreError):
        run_store(server.url, f"sqlite:///{tmp_path}/no/such/folder.sqlite", stop=threading.Event())


def test_processes_that_make_one_sqlite_file_at_once_all_get_it(tmp_path):
    # Of a server of their own: a fork of a process with threads may inherit a lock for ever.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([open_database.__module__])
    for attempt in range(5):
        address = f"sqlite:///{tmp_path / f'{attempt}.sqlite'}"
        openers = [context.Process(target=open_database, args=(address,)) for _ in range(4)]
        for opener in openers:
            opener.start()
        for opener in openers:
            opener.join(LIMIT_S)
        assert [opener.exitcode for opener in openers] == [0] * 4
