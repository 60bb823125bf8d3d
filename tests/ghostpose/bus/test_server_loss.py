"""A server that restarts without its memory: everybody carries on, and nothing wrong comes out."""

from __future__ import annotations

import threading

import pytest
import redis
import samples
from roles import make_pipeline
from waiting import PATIENT_S, wait_until

from ghostpose.bus import Bus, EmbeddedServer, FramePublisher, Published
from ghostpose.errors import BusUnavailableError, LeaseLostError, SessionLostError


@pytest.fixture
def own_server():
    with EmbeddedServer(maxmemory_mb=32) as server:
        yield server


@pytest.fixture
def own_bus(own_server):
    with Bus.connect(own_server.url, partitions=4, timeout_s=PATIENT_S) as connected:
        yield connected


def test_all_roles_go_on_after_a_restart_without_memory(own_server, own_bus) -> None:
    before = make_pipeline(own_bus, "lobby")
    before.publish(3)
    before.infer(2)
    old_maps = before.take_maps()
    old_frames = before.frames.take(1, 0)
    own_server.restart()

    with pytest.raises(SessionLostError):
        before.publish()
    assert not before.finish(old_frames[0]), "its frame is gone"
    with pytest.raises(LeaseLostError):
        before.commit_one(old_maps[0])
    assert not before.frames.take(1, 0), "the groups are made again"
    assert not before.maps.take([before.lease], 1, 0.01)

    after = make_pipeline(own_bus, "lobby")
    assert after.publisher.session > before.publisher.session
    assert after.lease.token > before.lease.token
    after.publish(2)
    assert before.infer(2) == 2
    before.lease = after.lease
    assert before.commit() == [True, True]
    assert after.committed_seqs() == [0, 1]
    assert {message["session"] for message in after.poses()} == {after.publisher.session}


def test_a_worker_that_waits_for_frames_sees_those_after_a_restart(own_server, own_bus) -> None:
    waiting = make_pipeline(own_bus, "lobby")
    restart = threading.Timer(0.1, own_server.restart)
    restart.start()
    waiting.frames.take(1, 0.5)
    restart.join()
    make_pipeline(own_bus, "lobby").publish()
    taken = wait_until(lambda: waiting.frames.take(1, 0.5), "a frame")
    assert taken[0].message.id.seq == 0


def test_a_flush_while_a_worker_waits_is_survived(pipeline) -> None:
    flush = threading.Timer(0.1, pipeline.bus.client.flushall)
    flush.start()
    assert not pipeline.frames.take(1, 0.5)
    flush.join()
    make_pipeline(pipeline.bus, "lobby").publish()
    assert wait_until(lambda: pipeline.frames.take(1, 0.5), "a frame")


def test_a_short_absence_of_the_server_is_waited_for(own_server, own_bus) -> None:
    own_bus.register_camera("lobby", policy="every", credit=4)
    own_server._stop_process()
    restart = threading.Timer(0.3, own_server.start)
    restart.start()
    own_bus.register_camera("lobby", policy="every", credit=4)
    restart.join()
    assert list(own_bus.cameras()) == ["lobby"]


def test_a_long_absence_is_one_sentence(own_server) -> None:
    with Bus.connect(own_server.url, timeout_s=0.2) as bus:
        pipeline = make_pipeline(bus, "lobby")
        own_server._stop_process()
        for step in (
            pipeline.publish,
            lambda: pipeline.frames.take(1, 0.1),
            pipeline.take_maps,
            lambda: pipeline.leases.renew(pipeline.lease),
            lambda: bus.workers(),
        ):
            with pytest.raises(BusUnavailableError, match="No Redis server answers"):
                step()


def test_publishing_over_a_cut_connection_appends_once(pipeline) -> None:
    """The server runs the step, and the connection is cut before the answer arrives."""
    pipeline.publish()
    connection = pipeline.bus.client.connection_pool.get_connection()
    pipeline.bus.client.connection_pool.release(connection)
    read, cut = connection.read_response, []

    def read_once_and_lose(*args, **kwargs):
        answer = read(*args, **kwargs)
        if not cut:
            cut.append(answer)
            raise redis.ConnectionError("cut")
        return answer

    connection.read_response = read_once_and_lose
    (published,) = pipeline.publish()
    assert cut, "the test cut nothing"
    assert published == Published(1, 2, published.at_ms)
    assert pipeline.bus.client.xlen(pipeline.bus.keys.frames(pipeline.partition)) == 2


def test_scripts_are_loaded_again_after_they_were_flushed(pipeline) -> None:
    pipeline.publish()
    pipeline.bus.client.script_flush()
    assert pipeline.publish()[0].seq == 1


def test_a_publisher_finds_its_camera_unknown_until_it_is_registered(own_server, own_bus) -> None:
    own_bus.register_camera("lobby", policy="every", credit=4)
    publisher = FramePublisher(own_bus, "lobby")
    publisher.open_session()
    own_server.restart()
    with pytest.raises(SessionLostError):
        publisher.open_session()
    own_bus.register_camera("lobby", policy="every", credit=4)
    publisher.open_session()
    assert publisher.publish(samples.info(), samples.picture()).seq == 0
