"""Publishing: sessions, credit, and one append whatever happens on the way."""

from __future__ import annotations

import threading
import time

import pytest
import samples
from roles import make_pipeline

from ghostpose.bus import Bus, EmbeddedServer, FramePublisher, Full, Published
from ghostpose.errors import (
    BusError,
    BusFullError,
    InvalidValueError,
    SessionLostError,
    StaleSessionError,
)
from ghostpose.topics import META_KEY


def publish(publisher: FramePublisher) -> Published | Full:
    return publisher.publish(samples.info(), samples.picture())


def test_frames_are_numbered_from_zero_and_tickets_from_one(pipeline) -> None:
    assert [(p.seq, p.ticket) for p in pipeline.publish(3)] == [(0, 1), (1, 2), (2, 3)]


def test_a_new_session_numbers_frames_again_and_tickets_on(pipeline) -> None:
    pipeline.publish(2)
    before = pipeline.publisher.session
    assert pipeline.publisher.open_session() > before
    assert [(p.seq, p.ticket) for p in pipeline.publish(1)] == [(0, 3)]


def test_publishing_gives_the_servers_clock(pipeline) -> None:
    before = pipeline.bus.server_time_ms()
    (published,) = pipeline.publish()
    assert before <= published.at_ms <= pipeline.bus.server_time_ms()


def test_a_session_is_the_servers_clock_or_one_more_than_the_last(pipeline) -> None:
    now = pipeline.bus.server_time_ms()
    assert now - 10_000 < pipeline.publisher.session <= now
    future = now + 10**9
    pipeline.bus.client.hset(pipeline.bus.keys.camera("lobby"), "session", future)
    assert pipeline.publisher.open_session() == future + 1


def test_exactly_the_credit_may_be_in_flight(pipeline) -> None:
    pipeline.publish(4)
    assert isinstance(publish(pipeline.publisher), Full)
    assert pipeline.bus.counters("lobby").in_flight == 4
    pipeline.infer()
    assert isinstance(publish(pipeline.publisher), Full), "maps are in flight as well"
    pipeline.commit()
    assert isinstance(publish(pipeline.publisher), Published)
    assert isinstance(publish(pipeline.publisher), Full)


def test_the_frame_that_takes_the_last_credit_says_what_to_wait_for(pipeline) -> None:
    *others, last = pipeline.publish(4)
    assert [published.full for published in others] == [None] * 3
    assert last.full is not None
    assert last.full == publish(pipeline.publisher)
    pipeline.publisher._next_seq = 3  # as if the answer had been lost
    assert publish(pipeline.publisher) == last
    assert not pipeline.publisher.wait_for_credit(last.full, 0.02)
    pipeline.infer()
    pipeline.commit()
    assert pipeline.publisher.wait_for_credit(last.full, 30)


def test_frames_of_an_older_session_use_up_credit_too(pipeline) -> None:
    pipeline.publish(4)
    pipeline.publisher.open_session()
    assert isinstance(publish(pipeline.publisher), Full)


def test_more_credit_takes_effect_at_once(pipeline) -> None:
    pipeline.publish(4)
    pipeline.bus.register_camera("lobby", policy="every", credit=5)
    assert isinstance(publish(pipeline.publisher), Published)


def test_waiting_for_credit_ends_with_the_next_commit(pipeline) -> None:
    pipeline.publish(4)
    full = publish(pipeline.publisher)
    assert isinstance(full, Full)
    assert not pipeline.publisher.wait_for_credit(full, 0.02)
    pipeline.infer()

    def commit_soon() -> None:
        time.sleep(0.1)
        pipeline.commit()

    committer = threading.Thread(target=commit_soon)
    committer.start()
    started = time.monotonic()
    assert pipeline.publisher.wait_for_credit(full, 60)
    assert time.monotonic() - started < 30
    committer.join()
    assert isinstance(publish(pipeline.publisher), Published)


def test_a_commit_between_full_and_waiting_is_not_missed(pipeline) -> None:
    pipeline.publish(4)
    full = publish(pipeline.publisher)
    assert isinstance(full, Full)
    pipeline.infer()
    pipeline.commit()
    assert pipeline.publisher.wait_for_credit(full, 30)


def test_a_gap_gives_credit_back_too(pipeline) -> None:
    pipeline.publish(4)
    full = publish(pipeline.publisher)
    assert isinstance(full, Full)
    (delivery,) = pipeline.frames.take(1, 0)
    pipeline.frames.skip(delivery, "stale")
    pipeline.commit()
    assert pipeline.publisher.wait_for_credit(full, 30)
    assert isinstance(publish(pipeline.publisher), Published)


def test_a_publisher_of_an_older_session_is_refused(pipeline) -> None:
    newer = FramePublisher(pipeline.bus, "lobby")
    newer.open_session()
    with pytest.raises(StaleSessionError, match=str(newer.session)):
        publish(pipeline.publisher)
    with pytest.raises(StaleSessionError):
        pipeline.publisher.end(frames_read=0, skipped={})
    assert isinstance(publish(newer), Published)


def test_sending_a_frame_again_after_a_lost_answer_appends_it_once(pipeline) -> None:
    (first,) = pipeline.publish()
    pipeline.publisher._next_seq = 0  # as if the answer had been lost
    assert publish(pipeline.publisher) == first
    assert pipeline.bus.client.xlen(pipeline.bus.keys.frames(pipeline.partition)) == 1
    assert pipeline.publish()[0].seq == 1


def test_leaving_a_lost_frame_out_is_refused_in_words(pipeline) -> None:
    pipeline.publish(3)
    pipeline.publisher._next_seq = 1
    with pytest.raises(BusError, match="expects frame 3"):
        publish(pipeline.publisher)


def test_a_camera_that_was_never_registered_is_told_so(bus: Bus) -> None:
    with pytest.raises(SessionLostError, match="never registered"):
        FramePublisher(bus, "nobody").open_session()


def test_a_server_that_lost_its_memory_is_told_from_a_newer_session(pipeline) -> None:
    pipeline.publish(2)
    pipeline.bus.client.flushall()
    with pytest.raises(SessionLostError):
        publish(pipeline.publisher)
    with pytest.raises(SessionLostError):
        pipeline.publisher.end(frames_read=2, skipped={})
    pipeline.bus.register_camera("lobby", policy="every", credit=4)
    before = pipeline.publisher.session
    assert pipeline.publisher.open_session() > before
    assert pipeline.publish()[0].ticket == 1


def test_a_server_that_lost_only_the_newest_frames_is_a_lost_session(pipeline) -> None:
    pipeline.publish(3)
    pipeline.bus.client.hset(pipeline.bus.keys.camera("lobby"), "seq", 1)
    with pytest.raises(SessionLostError):
        publish(pipeline.publisher)


def test_an_end_needs_no_credit_and_is_appended_once(pipeline) -> None:
    pipeline.publish(4)
    for _ in range(2):
        pipeline.publisher.end(frames_read=6, skipped={"rate": 2}, clock_repairs=1)
    assert pipeline.bus.client.xlen(pipeline.bus.keys.maps(pipeline.partition)) == 1
    with pytest.raises(BusError, match="has ended"):
        publish(pipeline.publisher)


def test_an_end_whose_numbers_do_not_add_up_is_refused(pipeline) -> None:
    pipeline.publish(2)
    with pytest.raises(InvalidValueError, match="frames read"):
        pipeline.publisher.end(frames_read=4, skipped={"rate": 1})


def test_a_server_at_its_maxmemory_is_full_and_drains() -> None:
    with EmbeddedServer(maxmemory_mb=6) as server, Bus.connect(server.url) as bus:
        bus.client.hset(META_KEY, "budget", 10**9)  # as if others filled the server
        pipeline = make_pipeline(bus, "lobby", credit=1000)
        publisher = pipeline.publisher
        large = samples.picture(640, 480)
        published = 0
        with pytest.raises(BusFullError, match="maxmemory"):
            while published < 100:
                publisher.publish(samples.info(), large)
                published += 1
        assert 1 <= published < 20
        assert bus.counters("lobby").published == published
        while pipeline.infer(4):
            pipeline.commit()
        assert bus.counters("lobby").poses == published
        answer = publisher.publish(samples.info(), large)
        assert isinstance(answer, Published)
        assert answer.seq == published
