"""What a slow browser is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import samples
from bus_servers import until
from roles import make_pipeline

from app.dashboard.outbox import FEWEST_UNDRAWN
from ghostpose.bus.previews import publish_preview

if TYPE_CHECKING:
    from conftest import Dashboards

    from ghostpose.bus import Bus


def test_a_browser_that_draws_nothing_is_sent_a_few_pictures_and_no_more(
    dashboard: Dashboards, bus: Bus
) -> None:
    lobby = make_pipeline(bus, "lobby")
    wanted = bus.keys.preview("lobby") + ":wanted"

    def show(seq: int) -> None:
        picture = samples.preview("lobby", seq)
        object.__setattr__(picture, "session", lobby.publisher.session)
        publish_preview(bus, picture)
        lobby.publish(1)
        lobby.infer(1)
        lobby.commit()

    with dashboard().socket() as socket:

        def pictures(at_most: int) -> list[int]:
            found: list[int] = []
            while len(found) < at_most:
                try:
                    message = socket.recv(timeout=0.5)
                except TimeoutError:
                    return found
                if isinstance(message, bytes):
                    found.append(json.loads(message[4 : message.index(b"}") + 1])["seq"])
            return found

        socket.send(json.dumps({"watch": ["lobby"]}))
        until(lambda: bus.client.exists(wanted), "somebody wants previews")
        came, seq = [], 0
        while len(came) < FEWEST_UNDRAWN:
            assert seq < 100, came
            show(seq)
            came += pictures(1)
            seq += 1
        for number in range(3):
            show(seq + number)
        assert pictures(1) == [], "nothing was drawn"
        socket.send(json.dumps({"drawn": 1}))
        (newest,) = pictures(2)
        assert newest > came[-1]
