"""Sessions over sources and publishers of a test's own, played here or in a thread."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, cast

import numpy as np
from waiting import wait_until

from ghostpose.config import CameraConfig
from ingest.backoff import Patience
from ingest.counters import Counters, Tally
from ingest.session import Session
from ingest.sources import SourceInfo
from ingest.sources.image_folder import StillPicture
from ingest.stillness import Stillness
from ingest.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest_fakes import FakePublisher

    from ghostpose.bus import FramePublisher
    from ingest.sources import Item, Source


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
                assert self.gates[index].wait(60)
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
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self.counters.tally()


def play_one_by_one(player: Player, source: ListSource, publisher: FakePublisher) -> Tally:
    """Play in a thread; a picture comes once the one before was sent, so that none is missed."""
    source.gates = {index: threading.Event() for index in range(1, len(source.items))}
    player.thread.start()
    for index, gate in source.gates.items():
        wait_until(lambda sent=index: publisher.asked >= sent, "the picture before")
        gate.set()
    return player.join()


def media_times(publisher: FakePublisher) -> list[float]:
    return [round(info.media_time, 6) for info in publisher.published]


def live_player(source: ListSource, publisher: FakePublisher, **options: object) -> Player:
    source.info = SourceInfo("a camera", 64, 48, nominal_fps=10.0, live=True)
    player = Player(source, publisher, **{"policy": "latest", "silence_s": 60, **options})
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
