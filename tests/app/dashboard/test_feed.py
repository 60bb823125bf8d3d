"""What a slow browser is sent."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import samples
from bus_servers import until
from roles import make_pipeline

from app.dashboard.outbox import FEWEST_UNDRAWN
from app.dashboard.pairing import Pairing
from ghostpose.bus.previews import publish_preview

if TYPE_CHECKING:
    import pytest
    from conftest import Dashboards
    from roles import Pipeline
    from websockets.sync.client import ClientConnection

    from ghostpose.bus import Bus


def show(bus: Bus, camera: Pipeline, seq: int) -> None:
    """Have a camera's next frame come, with its picture and its pose."""
    picture = replace(samples.preview(camera.camera, seq), session=camera.publisher.session)
    publish_preview(bus, picture)
    camera.publish(1)
    camera.infer(1)
    camera.commit()


def look_at(bus: Bus, socket: ClientConnection, camera: str) -> None:
    """Want pictures of a camera, and wait until its ingest would know."""
    socket.send(json.dumps({"watch": [camera]}))
    until(lambda: bus.client.exists(bus.keys.preview(camera) + ":wanted"), "somebody looks")


def pictures(socket: ClientConnection, at_most: int, limit_s: float = 0.5) -> list[int]:
    """Return the seqs of the pictures that come in time; figures come in between."""
    found: list[int] = []
    until_s = time.monotonic() + limit_s
    while len(found) < at_most:
        try:
            message = socket.recv(timeout=max(0.0, until_s - time.monotonic()))
        except TimeoutError:
            return found
        if isinstance(message, bytes):
            found.append(json.loads(message[4 : message.index(b"}") + 1])["seq"])
    return found


def test_a_browser_that_draws_nothing_is_sent_a_few_pictures_and_no_more(
    dashboard: Dashboards, bus: Bus
) -> None:
    lobby = make_pipeline(bus, "lobby")
    with dashboard().socket() as socket:
        look_at(bus, socket, "lobby")
        came, seq = [], 0
        while len(came) < FEWEST_UNDRAWN:
            assert seq < 100, came
            show(bus, lobby, seq)
            came += pictures(socket, 1)
            seq += 1
        for number in range(3):
            show(bus, lobby, seq + number)
        assert pictures(socket, 1) == [], "nothing was drawn"
        socket.send(json.dumps({"drawn": 1}))
        (newest,) = pictures(socket, 1, limit_s=60)
        assert newest > came[-1]
        assert pictures(socket, 1) == [], "one was drawn"


def test_pictures_come_again_after_one_that_nobody_expected(
    dashboard: Dashboards, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    lobby = make_pipeline(bus, "lobby")
    taken, broken = Pairing.add_picture, list[Any]()

    def fails_first(pairing: Pairing, preview: Any, now_s: float) -> None:
        if not broken:
            broken.append(preview)
            raise IndexError("a picture like no other")
        taken(pairing, preview, now_s)

    monkeypatch.setattr(Pairing, "add_picture", fails_first)
    with dashboard().socket() as socket:
        look_at(bus, socket, "lobby")
        show(bus, lobby, 0)
        until(lambda: broken, "the first picture came")
        seq, came = 0, list[int]()
        while not came:  # poses that come before it looks again are missed
            assert seq < 100
            seq += 1
            show(bus, lobby, seq)
            came = pictures(socket, 1)
