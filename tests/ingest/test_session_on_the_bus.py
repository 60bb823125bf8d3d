"""A session and its server: without credit, full, away, and when it is time to stop."""

from __future__ import annotations

import threading

import pytest
from ingest_fakes import FakePublisher
from session_player import ListSource, Player, media_times, pictures, play_one_by_one
from waiting import wait_until

from ghostpose.errors import (
    BusFullError,
    BusUnavailableError,
    SessionLostError,
    StaleSessionError,
)
from ingest import backoff

AWAY = BusUnavailableError("No Redis server answers")
NO_ROOM = BusFullError("at its maxmemory")


def test_without_credit_a_recording_waits_and_loses_nothing() -> None:
    publisher = FakePublisher(None, None, "full", "full", None)
    tally = Player(ListSource(pictures(10)), publisher).play()
    assert (tally.read, tally.published, tally.skipped) == (10, 10, {})
    assert publisher.waited >= 2


def test_no_picture_is_sent_in_vain_once_the_last_credit_is_taken() -> None:
    publisher = FakePublisher(*["last"] * 10)
    tally = Player(ListSource(pictures(10)), publisher).play()
    assert (tally.published, tally.skipped) == (10, {})
    assert (publisher.asked, publisher.waited) == (10, 9)


def test_without_credit_a_live_camera_keeps_only_the_newest_frame() -> None:
    source, publisher = ListSource(pictures(10)), FakePublisher()
    source.gates[9] = threading.Event()
    publisher.credit.clear()
    player = Player(source, publisher, policy="latest")
    player.thread.start()
    wait_until(lambda: source.given == 9, "reading of nine frames")
    wait_until(lambda: publisher.waited > 0, "waiting for credit")
    publisher.credit.set()
    wait_until(lambda: len(publisher.published) >= 1, "a frame after credit came")
    source.gates[9].set()
    tally = player.join()
    assert tally.in_hand == 0
    assert set(tally.skipped) == {"overwritten"}
    assert media_times(publisher)[-1] == 0.9
    assert tally.published + tally.skipped["overwritten"] == 10
    assert tally.skipped["overwritten"] >= 6


def test_a_full_server_makes_a_recording_wait() -> None:
    publisher = FakePublisher(None, NO_ROOM, NO_ROOM)
    tally = Player(ListSource(pictures(5)), publisher).play()
    assert (tally.published, tally.skipped) == (5, {})


def test_a_full_server_makes_a_live_camera_skip() -> None:
    source, publisher = ListSource(pictures(4)), FakePublisher(None, NO_ROOM, None)
    tally = play_one_by_one(Player(source, publisher, policy="latest"), source, publisher)
    assert tally.skipped["full"] == 1
    assert tally.read == tally.published + sum(tally.skipped.values()) == 4


@pytest.mark.parametrize("policy", ["every", "latest"])
def test_after_an_outage_the_same_frame_is_sent_again(policy: str) -> None:
    """Even if the server is full then: whether the frame had arrived is not known."""
    source, publisher = ListSource(pictures(2)), FakePublisher(None, AWAY, NO_ROOM, None)
    tally = play_one_by_one(Player(source, publisher, policy=policy), source, publisher)
    assert media_times(publisher) == [0.0, 0.1]
    assert (tally.published, tally.skipped) == (2, {})


def test_the_end_is_published_when_the_server_is_back() -> None:
    publisher = FakePublisher()
    publisher.end_answers = [AWAY, NO_ROOM]
    Player(ListSource(pictures(2)), publisher).play()
    assert publisher.ended == (2, {}, 0)


def test_stopping_counts_what_is_left_and_ends_the_session() -> None:
    source, publisher = ListSource(pictures(200)), FakePublisher(credit=3)
    player = Player(source, publisher)
    player.thread.start()
    wait_until(lambda: publisher.waited > 0, "waiting for credit")
    player.stop.set()
    tally = player.join()
    assert tally.in_hand == 0
    assert tally.read < 200
    assert tally.skipped["shutdown"] >= 1
    assert publisher.ended == (tally.read, dict(tally.skipped), 0)
    assert source.closed


def test_stopping_without_a_server_gives_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "STOP_GRACE_S", 0.3)
    publisher = FakePublisher(*[AWAY] * 10_000)
    player = Player(ListSource(pictures(5)), publisher)
    player.stop.set()
    publisher.end_answers = [AWAY] * 10_000
    with pytest.raises(BusUnavailableError, match=r"camera cam: .* end of the session is not"):
        player.play()


@pytest.mark.parametrize("error", [StaleSessionError("newer"), SessionLostError("forgot")])
def test_a_session_that_is_not_ours_any_more_is_not_ended(error: Exception) -> None:
    source, publisher = ListSource(pictures(50)), FakePublisher(None, error)
    with pytest.raises(type(error)):
        Player(source, publisher).play()
    assert publisher.ended is None
    assert source.closed
