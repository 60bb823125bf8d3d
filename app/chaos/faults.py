"""What may go wrong: each kind picks its victim by chance, begins, lasts for a while, and ends."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ghostpose.bus import Bus
from ghostpose.bus.camera_states import read_camera_states
from ghostpose.errors import BusUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from app.chaos.site import Site

MOST_SKEW_S: Final = 3600.0
STOPPED_S: Final = (1.0, 12.0)
"""Some are shorter than leases, others longer than anything that is waited for."""

AWAY_S: Final = (1.0, 8.0)


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. `hold_s`: how long until `end`; 0: a kill, over at once."""

    kind: str
    victim: str
    begin: Callable[[], None]
    end: Callable[[], None] = _nothing
    hold_s: float = 0.0


def kill_process(site: Site, random: Random) -> Fault:
    """A process is killed, and started again at once."""
    name = random.choice(sorted(site.processes))

    def begin() -> None:
        site.kill(name)
        site.start(name)

    return Fault(f"kill {name.partition('-')[0]}", name, begin)


def skew_clock(site: Site, random: Random) -> Fault:
    """A process is killed, and the one that takes its place has a wrong clock."""
    name = random.choice([name for name in sorted(site.processes) if "ingest" not in name])
    skew_s = random.uniform(-MOST_SKEW_S, MOST_SKEW_S)

    def begin() -> None:
        site.kill(name)
        site.start(name, skew_s)

    return Fault("skew a clock", name, begin)


def restart_process(site: Site, random: Random) -> Fault:
    """A process is asked to end, and started again when it has."""
    name = random.choice(sorted(site.processes))

    def begin() -> None:
        site.stop(name)  # who doesn't end is killed, and told of by the site
        site.start(name)

    return Fault("restart a process", name, begin)


def kill_camera(site: Site, random: Random) -> Fault:
    """The process of one camera is killed; its ingest starts it again."""
    camera = random.choice(sorted(site.expected))

    def begin() -> None:
        with suppress(BusUnavailableError, ProcessLookupError), Bus.connect(site.server.url) as bus:
            states = read_camera_states(bus)
            if camera in states and not states[camera].is_gone(bus.server_time_ms() / 1000):
                os.kill(states[camera].pid, signal.SIGKILL)

    return Fault("kill a camera's process", camera, begin)


def stop_process(site: Site, random: Random) -> Fault:
    """A process stands still, maybe past its leases, and goes on as if nothing was."""
    name = random.choice(sorted(site.processes))
    return Fault(
        f"stop {name.partition('-')[0]}",
        name,
        lambda: site.signal(name, signal.SIGSTOP),
        lambda: site.signal(name, signal.SIGCONT),
        random.uniform(*STOPPED_S),
    )


def kill_server(site: Site, random: Random) -> Fault:  # noqa: ARG001 - there is but one
    """The server is killed, and started again with the file that it kept."""

    def begin() -> None:
        os.kill(site.server.pid, signal.SIGKILL)
        site.server.restart()
        site.keep_all()

    return Fault("kill the server", "server", begin)


def stop_server(site: Site, random: Random) -> Fault:
    """The server stands still."""
    return Fault(
        "stop the server",
        "server",
        lambda: os.kill(site.server.pid, signal.SIGSTOP),
        lambda: os.kill(site.server.pid, signal.SIGCONT),
        random.uniform(*AWAY_S),
    )


def cut_link(site: Site, random: Random) -> Fault:
    """A process can't reach the server: its connections are closed, or nothing comes through."""
    name = random.choice(sorted(site.links))
    link, hangs = site.links[name], random.random() < 0.5
    begin = link.hang if hangs else link.cut
    kind = "hang a link" if hangs else "cut a link"
    return Fault(kind, name, begin, link.mend, random.uniform(*AWAY_S))


def unplug_camera(site: Site, random: Random) -> Fault:
    """A network camera is away."""
    name = random.choice(sorted(site.live))
    camera = site.live[name]
    return Fault("unplug a camera", name, camera.unplug, camera.plug, random.uniform(*AWAY_S))


def block_database(site: Site, random: Random) -> Fault:
    """Somebody else writes to the database for long, so the store can't."""
    held: list[sqlite3.Connection] = []

    def begin() -> None:
        held.append(sqlite3.connect(site.database, timeout=30, check_same_thread=False))
        held[0].execute("BEGIN IMMEDIATE")

    def end() -> None:
        held[0].rollback()
        held[0].close()

    return Fault("block the database", "store-1", begin, end, random.uniform(*AWAY_S))


KINDS: Final[tuple[Callable[[Site, Random], Fault], ...]] = (
    *(kill_process, kill_process, kill_process, kill_camera, skew_clock, restart_process),
    *(stop_process, stop_process, kill_server, stop_server),
    *(cut_link, cut_link, unplug_camera, block_database),
)
"""Those that stand here more often happen more often."""


def choose(site: Site, random: Random) -> Fault:
    """Pick what goes wrong next."""
    return random.choice(KINDS)(site, random)
