"""A session of a live source, which hangs, breaks or shows nothing."""

from __future__ import annotations

import threading
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ingest_fakes import FakePublisher
from session_player import ListSource, Player, live_player, scenes
from waiting import wait_until

from ghostpose.errors import SourceError
from ingest import session
from ingest.opening import StuckError
from ingest.sources.image_folder import StillPicture
from ingest.sources.protocol import NothingYet
from ingest.watchdog import TroubleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.sources import Item


@pytest.fixture
def nobody_waits_long_for_a_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "JOIN_S", 0.2)


@pytest.mark.usefixtures("nobody_waits_long_for_a_reader")
def test_a_decoder_that_hangs_is_left_behind_and_the_session_ends_in_order() -> None:
    source, publisher = ListSource(scenes(4)), FakePublisher()
    source.gates[3] = threading.Event()
    player = live_player(source, publisher, silence_s=1)
    with pytest.raises(StuckError, match=r"nothing came for \d+ s, and its decoder hangs"):
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
    with pytest.raises(TroubleError, match=r"nothing came for \d+ s"):
        live_player(source, publisher, silence_s=1).play()
    assert publisher.ended is not None
    assert publisher.ended[0] == 2
    assert source.closed


@pytest.mark.usefixtures("nobody_waits_long_for_a_reader")
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
