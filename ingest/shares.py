"""Which cameras of the registry an ingest should play: a fair share by cost, seldom moved. Pure.

Each ingest decides alone, from what all of them see; two that want the same camera settle it by its
lease. Costs are processor cores that playing a camera takes; an ingest's share grows with its
machine's cores.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WORTH_MOVING: Final = 0.25
"""Machines whose loads differ by less, as a share of the mean load, are even enough: each move
costs a camera a second or two, and measured costs waver."""

LEAST_GAIN: Final = 0.5
"""A camera moves only if the busier machine gains at least so much of what it takes: else costs
that waver would soon move it back."""

UNKNOWN_COST: Final = 0.1
"""What a camera is taken for while nothing is known of any, in cores."""

LEAST_COST: Final = 0.01
"""No camera counts for less, so that many idle ones are shared out, too."""


@dataclass(frozen=True, slots=True)
class Player:
    """An ingest that shares in the registry's cameras."""

    name: str
    host: str
    cores: float


@dataclass(frozen=True, slots=True)
class Playable:
    """A camera to be played. `cost`: 0 if not measured yet; `host`: the only one that may."""

    name: str
    cost: float = 0.0
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Moves:
    """Cameras to give back, and free ones to take."""

    give: tuple[str, ...] = ()
    take: tuple[str, ...] = ()


def plan_shares(
    me: str,
    players: Sequence[Player],
    cameras: Iterable[Playable],
    holders: Mapping[str, str],
    *,
    settled: bool = True,
) -> Moves:
    """Return what ingest `me`, one of `players`, does now.

    `holders` says who holds each camera whose lease has not run out. Free cameras are taken, each
    by who is least busy with it; then, if nothing is free and the players have been the same for a
    while (`settled`), cameras move from busier to less busy ones.
    """
    shares = _Shares(players, _with_costs(cameras), holders)
    taken = shares.assign_free()
    if taken or not settled:
        return Moves(take=tuple(name for name, player in taken.items() if player == me))
    return Moves(give=tuple(shares.given_away_by(me)))


def _with_costs(cameras: Iterable[Playable]) -> list[Playable]:
    """Give cameras that were never measured the cost of a usual one."""
    all_ = list(cameras)
    known = [camera.cost for camera in all_ if camera.cost > 0]
    usual = statistics.median(known) if known else UNKNOWN_COST
    return [
        Playable(camera.name, max(LEAST_COST, camera.cost or usual), camera.host) for camera in all_
    ]


class _Shares:
    """Who has what, while it is planned."""

    def __init__(
        self, players: Sequence[Player], cameras: Sequence[Playable], holders: Mapping[str, str]
    ) -> None:
        self._players = {player.name: player for player in sorted(players, key=lambda p: p.name)}
        self._cameras = sorted(cameras, key=lambda camera: (-camera.cost, camera.name))
        self._holder = {c.name: holders[c.name] for c in self._cameras if c.name in holders}

    def _load(self, player: Player) -> float:
        """Return how busy a player is: cores in use by core."""
        used = sum(c.cost for c in self._cameras if self._holder.get(c.name) == player.name)
        return used / player.cores

    def _allowed(self, camera: Playable) -> list[Player]:
        return [p for p in self._players.values() if camera.host in (None, p.host)]

    def assign_free(self) -> dict[str, str]:
        """Give every free camera, the heaviest first, to who is least busy with it."""
        taken = {}
        for camera in self._cameras:
            allowed = self._allowed(camera)
            if camera.name not in self._holder and allowed:
                best = min(allowed, key=lambda p: self._load(p) + camera.cost / p.cores)
                self._holder[camera.name] = taken[camera.name] = best.name
        return taken

    def given_away_by(self, me: str) -> list[str]:
        """Even the loads out as far as it is worth it; return which of `me`'s cameras go."""
        mine = [name for name, holder in self._holder.items() if holder == me]
        for _ in self._cameras:  # each of them moves once at most, as a rule
            if not self._move_one():
                break
        return [name for name in mine if self._holder[name] != me]

    def _move_one(self) -> bool:
        """Move the camera that takes most off a busier player; False: none is worth it."""
        loads = {name: self._load(player) for name, player in self._players.items()}
        even = WORTH_MOVING * statistics.fmean(loads.values())
        best_gain, best = 0.0, None
        for camera in self._cameras:
            holder = self._players.get(self._holder.get(camera.name, ""))
            for other in self._allowed(camera) if holder is not None else ():
                assert holder is not None
                saved, added = camera.cost / holder.cores, camera.cost / other.cores
                apart = loads[holder.name] - loads[other.name]
                gain = min(saved, apart - added)
                if apart > even and gain > LEAST_GAIN * saved and gain > best_gain:
                    best_gain, best = gain, (camera.name, other.name)
        if best is None:
            return False
        self._holder[best[0]] = best[1]
        return True
