"""All cameras in figures: looked at every two seconds, in few round trips however fast they are."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from app.camera_list import NOT_PLAYED, list_cameras
from app.dashboard.beats import Beats
from app.dashboard.figures import Health, Rates, Track, base_hue, health_of, sample_of
from app.registry import PLAYER
from ghostpose.bus.camera_states import read_camera_states
from ghostpose.bus.glance import read_glances
from ghostpose.errors import GhostposeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.camera_list import ListedCamera
    from ghostpose.bus import Bus
    from ghostpose.bus.glance import Glance
    from ghostpose.codec.camera_state import CameraState

EVERY_S: Final = 2.0
"""Cameras' processes say as often what they do."""

LOOP: Final = "dashboard"
"""The name of its loop for `/healthz`."""


@dataclass(frozen=True, slots=True)
class CameraFigures:
    """A camera at a glance. Times are Unix seconds by the server's clock, 0 for never.

    `registered`: it can be changed here, since it is in the registry; `skipped` is the share of
    its pictures in the last ten seconds, 0..1, those above its `fps` left out; `people` are those
    in its last message, None if that is old; `size` is the source picture's, None if unknown.
    """

    name: str
    health: Health
    status: str
    since: float
    problem: str | None
    registered: bool
    source: str
    host: str
    fps: float
    latency_ms: float | None
    skipped: float
    people: int | None
    last_seen: float
    size: tuple[int, int] | None
    hue: float
    pictures: bool


@dataclass(frozen=True, slots=True)
class OverviewNow:
    """All cameras at the moment `at` (the server's clock, Unix seconds).

    `players`: ingests that play the registry's cameras; with none, an added camera waits.
    """

    at: float
    players: int
    cameras: tuple[CameraFigures, ...]


class Overview:
    """Looks at all cameras in a thread of its own; `tell` gets each new look as JSON."""

    def __init__(self, bus: Bus, tell: Callable[[str], None]) -> None:
        self._bus, self._tell = bus, tell
        self._tracks: defaultdict[str, Track] = defaultdict(Track)
        self._lock = threading.Lock()
        self._now = OverviewNow(0.0, 0, ())
        self._beats = Beats(LOOP, self._beat, self._say_away)

    def start(self) -> None:
        """Begin to look."""
        self._beats.start()

    def stop(self) -> None:
        """Stop looking."""
        self._beats.join()

    def now(self) -> OverviewNow:
        """Return the last look."""
        return self._now

    def look(self) -> OverviewNow:
        """Look now: something was changed.

        Raises:
            BusUnavailableError: the server doesn't answer.
        """
        with self._lock:
            self._now = self._look()
        self._tell(json.dumps({"kind": "overview", **asdict(self._now)}))
        return self._now

    def _beat(self) -> float:
        self.look()
        return EVERY_S

    def _say_away(self, error: Exception) -> None:
        known = isinstance(error, GhostposeError)
        problem = str(error) if known else "the dashboard fails to look; its log says why"
        self._tell(json.dumps({"kind": "away", "problem": problem}))

    def _look(self) -> OverviewNow:
        bus = self._bus
        now_s = bus.server_time_ms() / 1000
        listed = {camera.name: camera for camera in list_cameras(bus)}
        states, entries = read_camera_states(bus), bus.cameras()
        names = sorted(listed.keys() | states.keys())
        glances = read_glances(bus, names)
        for name in self._tracks.keys() - set(names):
            del self._tracks[name]
        figures = []
        for name in names:
            policy = entries[name].policy if name in entries else "latest"
            track = self._tracks[name]
            if not track.samples or now_s - track.samples[-1].at_s >= EVERY_S / 2:
                track.add(sample_of(glances[name], states.get(name), policy, now_s))
            figures.append(
                _figures(
                    name, listed.get(name), states.get(name), glances[name], track.rates(), now_s
                )
            )
        players = sum(beat.role == PLAYER for beat in bus.workers())
        return OverviewNow(now_s, players, tuple(figures))


def _figures(
    name: str,
    listed: ListedCamera | None,
    state: CameraState | None,
    glance: Glance,
    rates: Rates,
    now_s: float,
) -> CameraFigures:
    status = listed.status if listed is not None else _status(state, now_s)
    last = glance.last
    silent_s = None if last is None else now_s - last.committed_ms / 1000
    since = state.since if state is not None and state.status == status else now_s
    health = health_of(
        status, silent_s=silent_s, in_status_s=now_s - since, latency=rates.latency_ms
    )
    is_now = silent_s is not None and silent_s < 10 and health in ("live", "late")
    settings = None if listed is None else listed.row.settings
    return CameraFigures(
        name=name,
        health=health,
        status=status,
        since=since,
        problem=None if state is None or health == "live" else state.problem,
        registered=listed is not None,
        source=state.source if state is not None else "",
        host=state.host if state is not None else "",
        fps=round(rates.fps, 2) if is_now else 0.0,
        latency_ms=round(rates.latency_ms, 1) if rates.latency_ms is not None and is_now else None,
        skipped=round(rates.skipped, 4),
        people=len(last.message.people) if last is not None and is_now else None,
        last_seen=max(
            0.0 if state is None else state.last_seen,
            0.0 if last is None else last.committed_ms / 1000,
        ),
        size=None if last is None else (last.message.width, last.message.height),
        hue=base_hue(name),
        pictures=settings is None or settings.pixels != "never",
    )


def _status(state: CameraState | None, now_s: float) -> str:
    """Return the status of a camera that isn't in the registry."""
    return NOT_PLAYED if state is None or state.is_gone(now_s) else state.status
