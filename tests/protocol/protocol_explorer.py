"""Visits every world that can come about, and checks the promises in each.

python tests/protocol/protocol_explorer.py 3 2 1      frames, sessions, damaged entries
"""

from __future__ import annotations

import sys
import time
from collections import deque
from itertools import pairwise
from typing import NamedTuple

from protocol_twin import Issued
from protocol_world import Limits, Move, World, canonical, moves


class Explored(NamedTuple):
    """How much there was."""

    worlds: int
    transitions: int
    names: frozenset[str]


class BrokenPromiseError(AssertionError):
    """A promise doesn't hold; the text is how it came to that."""


class Explorer:
    """Breadth first, so that what it finds broken comes with a shortest story."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._numbers: dict[World, int] = {}
        self._worlds: list[World] = []
        self._came_from: list[tuple[int, str]] = []
        self._leads_here: list[list[int]] = []
        self._names: set[str] = set()
        self._transitions = 0

    def run(self) -> Explored:
        """Visit all worlds.

        Raises:
            BrokenPromiseError: a promise is broken in one, or one can't come to rest.
        """
        self._visit(canonical(World()), -1, "begin")
        todo = deque([0])
        while todo:
            number = todo.popleft()
            for move in moves(self._worlds[number], self._limits):
                self._check(move, number)
                if self._go(move, number):
                    todo.append(len(self._worlds) - 1)
        self._check_rest()
        return Explored(len(self._worlds), self._transitions, frozenset(self._names))

    def _go(self, move: Move, number: int) -> bool:
        """Return whether the move leads to a world that is new."""
        world = canonical(move.world)
        is_new = world not in self._numbers
        if is_new:
            self._visit(world, number, move.name)
        if not move.is_fault:
            self._leads_here[self._numbers[world]].append(number)
        self._transitions += 1
        self._names.add(move.name)
        return is_new

    def _visit(self, world: World, came_from: int, name: str) -> None:
        self._numbers[world] = len(self._worlds)
        self._worlds.append(world)
        self._came_from.append((came_from, name))
        self._leads_here.append([])

    def _check(self, move: Move, number: int) -> None:
        broken = broken_promise(move.world)
        if broken:
            raise BrokenPromiseError(f"{broken}: {self._story(number)}, {move.name}")

    def _check_rest(self) -> None:
        """Check that from everywhere, without any more faults, all frames get their outcome."""
        rested = {n for n, world in enumerate(self._worlds) if at_rest(world)}
        todo = deque(rested)
        while todo:
            for before in self._leads_here[todo.popleft()]:
                if before not in rested:
                    rested.add(before)
                    todo.append(before)
        for number in range(len(self._worlds)):
            if number not in rested:
                raise BrokenPromiseError(f"stuck: {self._story(number)}: {self._worlds[number]}")

    def _story(self, number: int) -> str:
        names: list[str] = []
        while number >= 0:
            number, name = self._came_from[number]
            names.append(name)
        return ", ".join(reversed(names))


def at_rest(world: World) -> bool:
    """Return whether every published frame has its outcome and nothing is left over."""
    twin = world.twin
    return not (twin.in_flight or twin.frames or twin.maps)


def broken_promise(world: World) -> str:
    """Return which promise is broken after a move from a canonical world, or an empty string."""
    twin = world.twin
    if any((kind == "end") != twin.issued[t].is_end for t, kind in enumerate(twin.done)):
        return "an outcome is committed out of its turn"
    if twin.state != twin.done.count("pose"):
        return "the tracker's state misses a pose, or saw one twice"
    if not _is_numbered_on(twin.issued, twin.session, twin.seq):
        return "a frame's number is not the one after that before it"
    publishing = [i for i in world.ingest if (i.status, i.session) == ("on", twin.session)]
    if any(twin.seq - one.seq > 1 for one in publishing):
        return "a frame was published twice"
    if sum(not issued.is_end for issued in twin.issued[twin.committed :]) > twin.credit:
        return "more frames are in flight than the credit says"
    places = [f.ticket for f in twin.frames if not f.is_nameless] + [r.ticket for r in twin.maps]
    if len(set(places)) != len(places) or any(t <= twin.committed for t in places):
        return "a ticket has two entries, or one after its outcome"
    damaged = {f.ticket for f in twin.frames if f.is_nameless}
    if damaged.union(places).issuperset(range(twin.committed + 1, len(twin.issued) + 1)):
        return ""
    return "a ticket has neither entry nor outcome"


def _is_numbered_on(issued: tuple[Issued, ...], session: int, seq: int) -> bool:
    """Return whether tickets go on in each session, up to what the camera says comes next."""
    for before, after in pairwise((*issued, Issued(session, seq))):
        is_next = after.seq == before.seq + (not before.is_end)
        if after.session < before.session or (after.session == before.session and not is_next):
            return False
    return True


if __name__ == "__main__":
    began_s = time.perf_counter()
    wanted = Limits(*map(int, sys.argv[1:4]))
    explored = Explorer(wanted).run()
    print(  # noqa: T201
        f"{wanted}: {explored.worlds} worlds, {explored.transitions} transitions,"
        f" every promise holds ({time.perf_counter() - began_s:.0f} s)"
    )
