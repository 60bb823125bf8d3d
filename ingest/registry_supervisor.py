"""An ingest that shares in the registry's cameras with those on other machines.

Every second it says that it lives, renews the leases of the cameras it plays, looks for changes of
the registry, and gives and takes cameras as `ingest.shares` plans. A camera whose settings change
is stopped in order and started with the new ones, unless they may change within its session; one
that is paused, removed or planned elsewhere is stopped and its lease given back at once, so that
another may have it within a second.
"""

from __future__ import annotations

import logging
import multiprocessing.connection
import os
import socket
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import ghostpose
from ghostpose.bus import Bus, CameraLeases, Heartbeat, Registry
from ghostpose.bus.camera_leases import DEFAULT_TTL_S, read_camera_leases
from ghostpose.bus.camera_states import forget_camera_state
from ghostpose.bus.heartbeats import worker_name
from ghostpose.errors import BusFullError, BusUnavailableError
from ghostpose.metrics import turned
from ingest.child import DRAIN_S, fork_server
from ingest.played import PlayedCamera
from ingest.shares import Moves, Playable, Player, plan_shares
from ingest.supervisor import warn_of_plain_passwords

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence

    from ghostpose.bus import CameraLease, Registered
    from ghostpose.config import CameraConfig

ROLE: Final = "supervisor"

TEND_S: Final = 1.0
"""How often leases are renewed and the registry is looked at."""

SETTLED_S: Final = 5.0
"""Cameras move between machines only when these have been the same for so long."""

CONNECT_S: Final = 2.0
"""How long the bus itself tries each time, so that a signal to stop isn't kept waiting."""

POLL_S: Final = 0.25
"""How soon a signal to stop is noticed."""

_log = logging.getLogger("ingest.RegistrySupervisor")


def run_registry_ingest(
    bus_url: str,
    stop: threading.Event,
    *,
    seed: Sequence[CameraConfig] = (),
    partitions: int | None = None,
) -> None:
    """Play this machine's share of the registry's cameras until `stop`; then give all back.

    `seed` is put into a registry that nothing was ever written to. A server that lost its memory
    gets back what this ingest last read.

    Raises:
        BusUnavailableError: no server answers at `bus_url` now. Later outages are waited for.
        ProtocolVersionError: the deployment there speaks another version.
    """
    with Bus.connect(bus_url, partitions=partitions, timeout_s=CONNECT_S) as bus:
        if Registry(bus).seed(seed):
            warn_of_plain_passwords(seed)
        RegistrySupervisor(bus, bus_url, stop).run()


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """All ingests that live, and since when (monotonic) they have been these."""

    players: tuple[Player, ...] = ()
    since_s: float = 0.0


class RegistrySupervisor:
    """See `run_registry_ingest`."""

    def __init__(
        self, bus: Bus, bus_url: str, stop: threading.Event, ttl_s: float = DEFAULT_TTL_S
    ) -> None:
        self._bus, self._bus_url, self._stop, self._ttl_s = bus, bus_url, stop, ttl_s
        self._name, self._host = worker_name(ROLE), socket.gethostname()
        self._cores = float(len(os.sched_getaffinity(0)))
        self._registry, self._leases = Registry(bus), CameraLeases(bus, self._name, ttl_s)
        self._registered: Registered | None = None
        self._neighbours = _Neighbours()
        self._played: dict[str, PlayedCamera] = {}
        self._context = fork_server()
        self._is_away = False

    def run(self) -> None:
        """Tend until it is to stop; leave nothing running and nothing leased."""
        due_s = 0.0
        try:
            while not self._stop.is_set():
                turned(ROLE)
                if time.monotonic() >= due_s:
                    due_s = time.monotonic() + TEND_S
                    self._tend()
                self._wait()
                self._look_after_processes()
        finally:
            self._drain()

    def _tend(self) -> None:
        try:
            self._read_registry()
            self._renew()
            self._share()
        except (BusUnavailableError, BusFullError) as error:
            if not self._is_away:
                _log.warning("waits for the server: %s", error)
            self._is_away = True
        else:
            self._is_away = False

    def _read_registry(self) -> None:
        revision, known = self._registry.revision(), self._registered
        if known is not None and revision == known.revision:
            return
        if revision is None and known is not None and known.cameras:
            _log.warning("puts its cameras back into the registry: the server lost its memory")
            self._registry.seed([known.playable(name) for name in known.cameras])
        self._registered = self._registry.read(passwords=True)

    def _renew(self) -> None:
        """Renew all leases; take those again that nobody holds, and drop the others."""
        self._say_alive()
        tokens = {name: one.token for name, one in self._played.items() if not one.is_lost}
        lost = self._leases.renew(tokens, self._costs())
        again = self._leases.take({name: self._played[name].cost for name in lost})
        for name in lost:
            if name in again:
                self._played[name].token = again[name]
            else:
                _log.warning("camera %s: another ingest has it now", name)
                self._played[name].lose()

    def _say_alive(self) -> None:
        """Say so from here and not from a thread: who hangs here is dead."""
        load = {"cores": self._cores, "cameras": float(len(self._played))}
        beat = Heartbeat(self._name, ROLE, ghostpose.__version__, self._host, os.getpid(), load)
        self._bus.heartbeat(beat)

    def _costs(self) -> Mapping[str, float]:
        return {name: one.cost for name, one in self._played.items()}

    def _share(self) -> None:
        """Stop what is no longer to be played here, and take what is to be."""
        assert self._registered is not None
        wanted = self._to_be_played(self._registered)
        for name, one in self._played.items():
            if name in wanted and wanted[name].host in (None, self._host):
                if wanted[name].rules != one.settings.rules:
                    self._bus.set_rules(name, wanted[name].rules)
                one.play_as(wanted[name], self._registered.cameras[name].revision)
            else:
                one.leave()
        leases = read_camera_leases(self._bus)
        moves = self._plan(wanted, leases)
        for name in moves.give:
            if name in self._played:
                self._played[name].leave()
        # What is still being stopped here is taken when that is over.
        free = [name for name in moves.take if name not in self._played]
        self._take({name: leases[name].cost if name in leases else 0.0 for name in free})

    def _to_be_played(self, registered: Registered) -> dict[str, CameraConfig]:
        """Return the cameras that some ingest is to play, with their passwords."""
        return {
            name: registered.playable(name)
            for name, row in registered.cameras.items()
            if not row.settings.paused and not registered.has_ended(name)
        }

    def _plan(self, wanted: Mapping[str, CameraConfig], leases: Mapping[str, CameraLease]) -> Moves:
        now_ms, players = self._bus.server_time_ms(), self._players()
        if players != self._neighbours.players:
            self._neighbours = _Neighbours(players, time.monotonic())
        cameras = [
            Playable(name, leases[name].cost if name in leases else 0.0, camera.host)
            for name, camera in wanted.items()
        ]
        holders = {n: lease.owner for n, lease in leases.items() if lease.until_ms > now_ms}
        settled = time.monotonic() - self._neighbours.since_s > SETTLED_S
        return plan_shares(self._name, players, cameras, holders, settled=settled)

    def _players(self) -> tuple[Player, ...]:
        """Return all ingests that have been heard of within a lease's time, this one too."""
        oldest = self._bus.server_time_ms() / 1000 - self._ttl_s
        beats = [b for b in self._bus.workers() if b.role == ROLE and b.at >= oldest]
        return tuple(Player(b.worker, b.host, max(1.0, b.load.get("cores", 1.0))) for b in beats)

    def _take(self, costs: Mapping[str, float]) -> None:
        assert self._registered is not None
        for name, token in self._leases.take(costs).items():
            camera = self._registered.playable(name)
            revision = self._registered.cameras[name].revision
            self._played[name] = PlayedCamera(camera, revision, token, costs[name])

    def _wait(self) -> None:
        """Wait until a process ends, or there may be something else to do."""
        running = [s for one in self._played.values() if (s := one.sentinel) is not None]
        if running:
            multiprocessing.connection.wait(running, timeout=POLL_S)
        else:
            self._stop.wait(POLL_S)

    def _look_after_processes(self) -> None:
        for name, one in list(self._played.items()):
            one.collect()
            if one.has_left:
                self._give_back(name)
            elif self._is_away:
                continue  # it is all one until the server is back
            elif one.has_ended:
                self._note_ended(name)
            else:
                one.start_if_due(self._context, self._bus_url, self._bus.partitions)

    def _give_back(self, name: str) -> None:
        one = self._played.pop(name)
        if one.is_lost:
            return
        try:
            self._leases.release(name, one.token, one.cost)
            if self._registered is not None and name not in self._registered.cameras:
                forget_camera_state(self._bus, name)
        except (BusUnavailableError, BusFullError) as error:
            _log.warning("camera %s: its lease runs out by itself: %s", name, error)

    def _note_ended(self, name: str) -> None:
        one = self._played[name]
        try:
            self._registry.note_ended(name, one.revision)
        except (BusUnavailableError, BusFullError):
            return  # noted when the server is back
        _log.info("camera %s: played to its end", name)
        one.leave()
        if self._registered is not None:
            ended = {**self._registered.ended, name: one.revision}
            self._registered = replace(self._registered, ended=ended)

    def _drain(self) -> None:
        """Stop all cameras; give each back as soon as its session has ended."""
        for one in self._played.values():
            one.leave()
        until_s = time.monotonic() + DRAIN_S + 2 * POLL_S
        while self._played and time.monotonic() < until_s:
            self._wait()
            self._look_after_processes()
        try:
            self._bus.forget_worker(self._name)
        except BusUnavailableError as error:
            _log.warning("is forgotten by its age: %s", error)
