"""What a session makes of the pictures of its source."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import av.error
import numpy as np
import pytest
from ingest_fakes import FakePublisher
from session_player import ListSource, Player, media_times, pictures
from waiting import wait_until

from ghostpose.codec.images import decode_picture
from ghostpose.config import CameraConfig
from ghostpose.errors import SourceError
from ingest import session
from ingest.sources import Undecodable, open_source
from ingest.sources.image_folder import StillPicture

if TYPE_CHECKING:
    from pathlib import Path


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


def test_a_newer_picture_that_can_not_be_converted_leaves_no_frame_uncounted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "LOOK_AGAIN_S", 0.2)
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


def test_a_recording_played_as_live_takes_its_real_time() -> None:
    publisher, began_s = FakePublisher(), time.time()
    Player(ListSource(pictures(6)), publisher, policy="latest").play()
    took_s = publisher.published[-1].captured_at - began_s
    assert 0.4 < took_s < time.time() - began_s, "not at once, as under `every`"


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
