"""A short drill of everything, in which two frames are tampered with: just these are found."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from traffic import wait_until

from app.chaos import drill, report
from app.chaos.drill import Drill
from app.chaos.site import Scale
from ghostpose.bus import Bus
from ghostpose.sockets import socket_folder

pytestmark = pytest.mark.timeout(400)

LOSER, DOUBLER = "recording-1", "recording-2"


class Tampered(Drill):
    """Behind everybody's back, one camera's newest message goes and another's comes again."""

    def _play(self) -> None:
        super()._play()
        assert not self.ledger.violations
        with Bus.connect(self.site.server.url) as bus:
            self._lose(bus)
            key = bus.keys.poses(DOUBLER)
            ((_, fields),) = bus.client.xrevrange(key, count=1)
            bus.client.xadd(key, fields)

    def _lose(self, bus: Bus) -> None:
        """While the consumer reads nothing, so that it can't have seen the message."""
        key = bus.keys.poses(LOSER)
        with self.consumer.reading:
            length = bus.client.xlen(key)
            wait_until(lambda: bus.client.xlen(key) > length, "another message")
            ((entry, _),) = bus.client.xrevrange(key, count=1)
            bus.client.xdel(key, entry)


def test_a_short_drill_finds_what_was_tampered_with_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A message that is gone before the store saw it never comes into the database.
    monkeypatch.setattr(drill, "STORE_STILL_S", 2.0)
    with tempfile.TemporaryDirectory(dir=socket_folder()) as folder:
        tampered = Tampered(
            Path(folder), seconds=4, seed=7, scale=Scale(ingest=1, stub_ms=20), say=print
        )
        outcome = tampered.run()
    told = "\n".join(outcome.ledger.violations)
    values = report.values(outcome, seed=7)
    assert (values["lost"], values["doubled"]) == (1, 1), told
    # Sessions, the server and the database tell other numbers of these two, too.
    assert set(outcome.ledger.counts) == {"lost", "doubled", "unbalanced"}, told
    assert all(LOSER in one or DOUBLER in one for one in outcome.ledger.violations), told
    assert values["faults"]
