from __future__ import annotations

import threading
import time
from itertools import chain
from typing import TYPE_CHECKING, cast

import av.error
import numpy as np
import pytest
from ingest_fakes import FakePublisher, wait_until

from ghostpose.bus.backoff import Backoff
from ghostpose.codec.images import decode_picture
from ghostpose.config import CameraConfig
from ghostpose.errors import (
    BusFullError,
    BusUnavailableError,
    SessionLostError,
    SourceError,
    StaleSessionError,
)
from ingest.backoff import STOP_GRACE_S, Patience
from ingest.counters import Counters, Tally
from ingest.opening import StuckError
from ingest.session import Session
from ingest.sources import SourceInfo, Undecodable, open_source
from ingest.sources.image_folder import StillPicture
from ingest.sources.protocol import NothingYet
from ingest.stillness import Stillness
from ingest.watchdog import TroubleError, Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ghostpose.bus import FramePublisher
    from ingest.sources import Item, Source

AWAY = BusUnavailableError("No Redis server answers")
NO_ROOM = BusFullError("at its maxmemory")


class ListSource:
    """Gives the items of a list; `gate` makes it stop and wait before an item of that index."""

    ended_early: str | None = None

    def __init__(self, items: list[Item], error: Exception | None = None) -> None:
        self.info = SourceInfo("a list", 64, 48, nominal_fps=10.0, frames=len(items))
        self.items, self.error, self.closed = items, error, False
        self.gates: dict[int, threading.Event] = {}
        self.given = 0

    def pictures(self) -> Iterator[Item]:
        for index, item in enumerate(self.items):
            if index in self.gates:
                assert self.gates[index].wait(20)
            self.given += 1
            yield item
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed = True


def pictures(count: int, size: tuple[int, int] = (64, 48)) -> list[Item]:
    width, height = size
    return [
        StillPicture(k / 10, np.full((height, width, 3), 10 * k % 250, np.uint8))
        for k in range(count)
    ]


class Player:
    """A session over a fake publisher, played here or in a thread."""

    def __init__(self, source: Source, publisher: FakePublisher, /, **options: object) -> None:
        defaults = {"name": "cam", "source": "x", "policy": "every", "height": 64}
        self.camera = CameraConfig.model_validate(defaults | options)
        self.counters, self.stop = Counters(), threading.Event()
        self.session = Session(
            self.camera,
            source,
            cast("FramePublisher", publisher),
            self.counters,
            Patience("cam", self.stop, outage_s=None),
        )
        self.thread = threading.Thread(target=self.session.play, daemon=True)

    def play(self) -> Tally:
        self.session.play()
        return self.counters.tally()

    def join(self) -> Tally:
        self.thread.join(20)
        assert not self.thread.is_alive()
        return self.counters.tally()


def media_times(publisher: FakePublisher) -> list[float]:
    return [round(info.media_time, 6) for info in publisher.published]


def test_a_resumed_session_sends_only_what_is_new_and_counts_all() -> None:
    publisher = FakePublisher()
    publisher.resumed_at = 6
    source = ListSource([*pictures(4), Undecodable("damaged"), *pictures(10)[4:]])
    tally = Player(source, publisher).play()
    assert media_times(publisher)[-1] == 0.9
    assert len(publisher.published) == 4
    assert (tally.read, tally.published, tally.skipped) == (11, 10, {"decode": 1})
    assert publisher.ended == (11, {"decode": 1}, 0)


def test_a_resumed_session_that_is_stopped_early_still_counts_what_was_sent_before() -> None:
    publisher = FakePublisher()
    publisher.resumed_at = 6
    player = Player(ListSource(pictures(10)), publisher)
    player.stop.set()
    tally = player.play()
    assert tally.read == tally.published + sum(tally.skipped.values())
    assert tally.published == 6
    assert publisher.published == []


def test_every_picture_is_published_in_order_and_the_session_ends() -> None:
    source, publisher = ListSource(pictures(20)), FakePublisher()
    tally = Player(source, publisher).play()
    assert (tally.read, tally.published, tally.skipped) == (20, 20, {})
    assert media_times(publisher) == [k / 10 for k in range(20)]
    assert publisher.ended == (20, {}, 0)
    assert source.closed


def test_what_is_published_is_the_prepared_picture_with_where_it_lies() -> None:
    publisher = FakePublisher()
    Player(
        ListSource(pictures(3)), publisher, picture="raw", region=(8, 8, 32, 32), height=64
    ).play()
    info, picture = publisher.published[2], publisher.pictures[2]
    assert (info.width, info.height) == (64, 48)
    assert (info.placement.scale_x, info.placement.left) == (0.5, 8)
    assert (picture.codec, picture.width, picture.height) == ("raw", 64, 64)
    assert (decode_picture(picture) == 20).all()
    assert info.decode_ms > 0
    assert info.encode_ms > 0


def test_damaged_frames_are_read_and_skipped() -> None:
    items = pictures(5)
    items[2] = Undecodable("broken")
    publisher = FakePublisher()
    tally = Player(ListSource(items), publisher).play()
    assert (tally.read, tally.published, tally.skipped) == (5, 4, {"decode": 1})
    assert publisher.ended == (5, {"decode": 1}, 0)


class _Inconvertible(StillPicture):
    """Decoded, but of no format that can be converted."""

    def pixels(self, width: int, height: int) -> np.ndarray:
        raise av.error.ValueError(22, f"no conversion to {width}x{height}")


def test_pictures_that_can_not_be_converted_are_skipped() -> None:
    items = pictures(5)
    items[0] = items[3] = _Inconvertible(0.0, np.zeros((48, 64, 3), np.uint8))
    publisher = FakePublisher()
    tally = Player(ListSource(items), publisher).play()
    assert (tally.read, tally.published, tally.skipped) == (5, 3, {"decode": 2})
    assert publisher.ended == (5, {"decode": 2}, tally.clock_repairs)


def test_a_newer_picture_that_can_not_be_converted_leaves_no_frame_uncounted() -> None:
    source, publisher = ListSource(pictures(2)), FakePublisher()
    source.items[1] = _Inconvertible(0.1, np.zeros((48, 64, 3), np.uint8))
    publisher.credit.clear()
    player = Player(source, publisher, policy="latest")
    player.thread.start()
    wait_until(lambda: player.counters.tally().skipped.get("overwritten") == 1, "overwriting")
    tally = player.join()
    assert tally.skipped == {"overwritten": 1, "decode": 1}
    assert publisher.ended == (2, {"overwritten": 1, "decode": 1}, 0)


def test_frames_above_the_rate_are_skipped_before_anything_is_done_with_them() -> None:
    publisher = FakePublisher()
    tally = Player(ListSource(pictures(20)), publisher, fps=5).play()
    assert (tally.read, tally.published, tally.skipped) == (20, 10, {"rate": 10})
    assert media_times(publisher) == [k / 5 for k in range(10)]


def test_clock_repairs_are_reported_with_the_end() -> None:
    items = pictures(6)
    items[3] = StillPicture(0.05, np.zeros((48, 64, 3), np.uint8))
    publisher = FakePublisher()
    tally = Player(ListSource(items), publisher).play()
    assert tally.clock_repairs == 1
    assert publisher.ended == (6, {}, 1)
    assert media_times(publisher) == sorted(set(media_times(publisher)))


def test_without_credit_a_recording_waits_and_loses_nothing() -> None:
    publisher = FakePublisher(None, None, "full", "full", None)
    tally = Player(ListSource(pictures(10)), publisher).play()
    assert (tally.read, tally.published, tally.skipped) == (10, 10, {})
    assert publisher.waited >= 2


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


def test_a_recording_played_as_live_takes_its_real_time() -> None:
    publisher = FakePublisher()
    Player(ListSource(pictures(6)), publisher, policy="latest").play()
    captured = [info.captured_at for info in publisher.published]
    assert 0.4 < captured[-1] - captured[0] < 5.0, "not at once, as under `every`"


def test_a_full_server_makes_a_recording_wait() -> None:
    publisher = FakePublisher(None, NO_ROOM, NO_ROOM)
    tally = Player(ListSource(pictures(5)), publisher).play()
    assert (tally.published, tally.skipped) == (5, {})


def test_a_full_server_makes_a_live_camera_skip() -> None:
    publisher = FakePublisher(None, NO_ROOM, None)
    tally = Player(ListSource(pictures(4)), publisher, policy="latest").play()
    assert tally.skipped["full"] == 1
    assert tally.read == tally.published + sum(tally.skipped.values()) == 4


@pytest.mark.parametrize("policy", ["every", "latest"])
def test_after_an_outage_the_same_frame_is_sent_again(policy: str) -> None:
    """Even if the server is full then: whether the frame had arrived is not known."""
    publisher = FakePublisher(None, AWAY, NO_ROOM, None)
    tally = Player(ListSource(pictures(1) + pictures(2)[1:]), publisher, policy=policy).play()
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


def test_stopping_without_a_server_gives_up_in_time() -> None:
    publisher = FakePublisher(*[AWAY] * 10_000)
    player = Player(ListSource(pictures(5)), publisher)
    player.stop.set()
    publisher.end_answers = [AWAY] * 10_000
    with pytest.raises(BusUnavailableError, match=r"camera cam: .* end of the session is not"):
        player.play()


def test_a_stopping_session_is_patient_for_a_moment_only() -> None:
    assert STOP_GRACE_S <= 5


@pytest.mark.parametrize("error", [StaleSessionError("newer"), SessionLostError("forgot")])
def test_a_session_that_is_not_ours_any_more_is_not_ended(error: Exception) -> None:
    source, publisher = ListSource(pictures(50)), FakePublisher(None, error)
    with pytest.raises(type(error)):
        Player(source, publisher).play()
    assert publisher.ended is None
    assert source.closed


def test_a_source_that_breaks_ends_its_session_in_order() -> None:
    source = ListSource(pictures(3), error=SourceError("camera cam: it broke"))
    publisher = FakePublisher()
    with pytest.raises(SourceError, match="it broke"):
        Player(source, publisher).play()
    assert publisher.ended == (3, {}, 0)


def test_pictures_that_change_their_size_are_prepared_anew() -> None:
    publisher = FakePublisher()
    items = [*pictures(2), StillPicture(0.2, np.zeros((96, 64, 3), np.uint8))]
    Player(ListSource(items), publisher).play()
    assert [(info.width, info.height) for info in publisher.published[1:]] == [(64, 48), (64, 96)]
    assert [(p.width, p.height) for p in publisher.pictures[1:]] == [(85, 64), (43, 64)]


def test_a_region_that_a_new_size_does_not_contain_ends_the_session_in_order() -> None:
    publisher = FakePublisher()
    items = [*pictures(2), StillPicture(0.2, np.zeros((24, 32, 3), np.uint8))]
    player = Player(ListSource(items), publisher, region=(0, 0, 64, 48))
    with pytest.raises(SourceError, match="not inside its 32x24 picture"):
        player.play()
    assert publisher.ended == (3, {"decode": 1}, 0)


def test_a_recordings_capture_times_follow_its_known_start(clip: Path) -> None:
    publisher = FakePublisher()
    options = {"source": str(clip), "recorded_at": "2024-01-01T00:00:00Z", "start_s": 20.0}
    camera = CameraConfig.model_validate({"name": "cam", "policy": "every", **options})
    Player(open_source(camera), publisher, **options).play()
    assert len(publisher.published) == 40
    for info in publisher.published:
        assert info.captured_at == pytest.approx(1704067200.0 + info.media_time)
    assert publisher.published[0].media_time == 20.0


def test_waits_grow_to_a_limit_and_are_never_the_same() -> None:
    backoff = Backoff(0.1, 5.0)
    waits = [backoff.next_s() for _ in range(100)]
    assert 0.05 <= waits[0] <= 0.1
    assert all(2.5 <= wait <= 5.0 for wait in waits[10:])
    assert len(set(waits)) > 90


def test_patience_ends_after_the_longest_outage() -> None:
    patience = Patience("cam", threading.Event(), outage_s=0.2)

    def attempt() -> None:
        raise BusUnavailableError("away")

    with pytest.raises(BusUnavailableError, match="away"):
        patience.call(attempt, wait_when_full=True)


def live_player(source: ListSource, publisher: FakePublisher, **options: object) -> Player:
    source.info = SourceInfo("a camera", 64, 48, nominal_fps=10.0, live=True)
    player = Player(source, publisher, policy="latest", silence_s=1, **options)
    watchdog = Watchdog(player.camera, source.info, Stillness(), time.monotonic())
    player.session = Session(
        player.camera,
        source,
        cast("FramePublisher", publisher),
        player.counters,
        Patience("cam", player.stop, outage_s=None),
        watchdog=watchdog,
    )
    return player


def scenes(count: int) -> list[Item]:
    rng = np.random.default_rng(0)
    return [
        StillPicture(k / 10, rng.integers(0, 256, (48, 64, 3)).astype(np.uint8))
        for k in range(count)
    ]


def test_a_decoder_that_hangs_is_left_behind_and_the_session_ends_in_order() -> None:
    source, publisher = ListSource(scenes(4)), FakePublisher()
    source.gates[3] = threading.Event()
    player = live_player(source, publisher)
    with pytest.raises(StuckError, match="nothing came for 1 s, and its decoder hangs"):
        player.session.play()
    assert publisher.ended is not None
    assert publisher.ended[0] == 3
    source.gates[3].set()
    wait_until(lambda: source.given == 4, "the decoder's return")
    threading.Event().wait(0.1)
    assert player.counters.tally().read == 3, "what it gave after all counts no more"


def test_a_source_that_waits_for_its_next_picture_does_not_hang() -> None:
    def naps() -> Iterator[Item]:
        while True:
            threading.Event().wait(0.05)
            yield NothingYet()

    source, publisher = ListSource(scenes(2)), FakePublisher()
    source.pictures = lambda: chain(scenes(2), naps())  # type: ignore[method-assign]
    with pytest.raises(TroubleError, match="nothing came for 1 s"):
        live_player(source, publisher).play()
    assert publisher.ended is not None
    assert publisher.ended[0] == 2
    assert source.closed


def test_a_stop_does_not_wait_for_a_decoder_that_hangs() -> None:
    source, publisher = ListSource(scenes(2)), FakePublisher()
    source.gates[1] = threading.Event()
    player = live_player(source, publisher)
    player.thread = threading.Thread(target=player.session.play, daemon=True)
    player.thread.start()
    wait_until(lambda: len(publisher.published) == 1, "one frame")
    player.stop.set()
    tally = player.join()
    assert (tally.read, tally.in_hand) == (1, 0)
    source.gates[1].set()


def test_a_camera_that_breaks_while_nobody_takes_its_frames_is_noticed() -> None:
    source, publisher = ListSource(scenes(3), SourceError("unplugged")), FakePublisher()
    publisher.credit.clear()
    player = live_player(source, publisher)
    with pytest.raises(SourceError, match="unplugged"):
        player.session.play()
    assert publisher.ended is not None
    assert publisher.ended[0] == 3
    assert publisher.published == []


def test_only_a_live_source_has_frozen_and_blank_pictures() -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    items: list[Item] = [StillPicture(k / 10, image) for k in range(5)]
    publisher = FakePublisher()
    assert Player(ListSource(items), publisher).play().published == 5
    publisher = FakePublisher()
    with pytest.raises(SourceError, match="nothing came"):
        live_player(ListSource(items, TroubleError("nothing came", "silent")), publisher).play()
    assert publisher.ended == (5, {"blank": 5}, 0)
