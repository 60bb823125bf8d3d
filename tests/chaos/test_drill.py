"""Drills of everything. In one two frames are tampered with: just these are found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from waiting import wait_until

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
        assert set(self.ledger.counts) <= {"late"}
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


def test_two_minutes_of_everything_going_wrong_break_nothing_but_what_is_tampered_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A message that is gone before the store saw it never comes into the database.
    monkeypatch.setattr(drill, "STORE_STILL_S", 2.0)
    # Other tests run beside it: a slow engine leaves the processor to them.
    with tempfile.TemporaryDirectory(dir=socket_folder()) as folder:
        tampered = Tampered(Path(folder), seconds=120, seed=11, scale=Scale(stub_ms=100), say=print)
        outcome = tampered.run()
    ledger = outcome.ledger
    told = "\n".join(ledger.violations)
    values = report.values(outcome, seed=11)
    assert (values["lost"], values["doubled"]) == (1, 1), told
    # Sessions, the server and the database tell other numbers of these two, too. How soon all goes
    # on depends on what else runs here: `make chaos` judges that.
    assert set(ledger.counts) - {"late"} == {"lost", "doubled", "unbalanced"}, told
    of_others = [one for one in ledger.violations if LOSER not in one and DOUBLER not in one]
    assert len(of_others) == ledger.counts["late"], told
    assert values["frames"] > 500
    assert len({one.kind for one in outcome.happened}) >= 5


def test_a_drill_that_is_asked_to_stop_leaves_nothing_behind() -> None:
    with tempfile.TemporaryDirectory(dir=socket_folder()) as name:
        folder = Path(name)
        environment = os.environ | {
            "TMPDIR": name,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        command = (sys.executable, "-m", "app.cli.main", "chaos", "--seed", "1")
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            wait_until(lambda: bool(list(folder.glob("*/store-1.sock"))), "its links")
            (own,) = folder.glob("ghostpose-chaos-*")
            wait_until(lambda: len(said_to_be_in(own)) >= 6, "its processes")
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 128 + signal.SIGTERM
        wait_until(lambda: not said_to_be_in(own), "the end of its processes")
        assert list(folder.glob("ghostpose-*")) == []


def said_to_be_in(folder: Path) -> list[str]:
    """Return the command lines of processes that name a folder."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append(path.read_text(errors="replace"))
    return [line for line in lines if str(folder) in line]
