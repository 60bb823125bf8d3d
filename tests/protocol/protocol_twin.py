"""The steps of the bus for one camera, as pure functions of a frozen state: the scripts' twin.

Each function does what the Lua script of its name does (`ghostpose/bus/scripts`) and returns the
state after it and the reply. `test_twin.py` holds the twin to the real scripts on a real server;
`protocol_world.py` puts workers around it whose every interleaving is explored.

A ticket names an entry, since no two entries have the same one: were that to change, `finish` and
`commit` would find two, which they refuse.
"""

from __future__ import annotations

from typing import NamedTuple


class Frame(NamedTuple):
    """An entry of the frames stream. `holder`: the worker it is lent to, "" if none."""

    ticket: int
    holder: str = ""
    deliveries: int = 0
    is_nameless: bool = False
    """Damaged so that it doesn't say which frame it is."""


class Result(NamedTuple):
    """An entry of the maps stream: maps, gap or end. `taken`: handed to the holder of the lease."""

    ticket: int
    kind: str
    taken: bool = False


class Issued(NamedTuple):
    """What a ticket was given for; of an end, `seq` is the number of frames."""

    session: int
    seq: int
    is_end: bool = False


class Lease(NamedTuple):
    """Who holds the partition. `live`: it has not run out."""

    owner: str = ""
    token: int = 0
    live: bool = False


class Twin(NamedTuple):
    """The server's keys of one camera and its partition."""

    credit: int = 3
    session: int = 0
    seq: int = 0
    ended: int = 0
    """The session that has ended."""
    issued: tuple[Issued, ...] = ()
    """What each ticket was given for, from ticket 1."""
    frames: tuple[Frame, ...] = ()
    maps: tuple[Result, ...] = ()
    lease: Lease = Lease()
    done: tuple[str, ...] = ()
    """Kind of what was committed for each ticket, from ticket 1."""
    state: int = 0
    """The tracker's state: how many poses it has seen."""
    dead: int = 0

    @property
    def committed(self) -> int:
        return len(self.done)

    @property
    def in_flight(self) -> int:
        return len(self.issued) - len(self.done)


def open_session(twin: Twin) -> tuple[Twin, int]:
    """Sessions are 1, 2 ... here."""
    return twin._replace(session=twin.session + 1, seq=0), twin.session + 1


def _refusal(twin: Twin, session: int) -> str:
    if twin.session < session or not twin.session:
        return "lost"
    return "stale" if twin.session > session else ""


def publish(twin: Twin, session: int, seq: int) -> tuple[Twin, str | int]:
    """Reply with the ticket, or a refusal."""
    if refusal := _refusal(twin, session):
        return twin, refusal
    if twin.ended == session:
        return twin, "ended"
    if seq == twin.seq - 1:
        return twin, len(twin.issued)
    if seq != twin.seq:
        return twin, "lost" if seq > twin.seq else "sequence"
    if twin.in_flight >= twin.credit:
        return twin, "full"
    ticket = len(twin.issued) + 1
    frames = (*twin.frames, Frame(ticket))
    issued = (*twin.issued, Issued(session, seq))
    return twin._replace(seq=seq + 1, issued=issued, frames=frames), ticket


def end_session(twin: Twin, session: int, published: int) -> tuple[Twin, str]:
    if refusal := _refusal(twin, session):
        return twin, refusal
    if twin.ended == session:
        return twin, "ended"
    if published != twin.seq:
        return twin, "lost" if published > twin.seq else "sequence"
    end = Result(len(twin.issued) + 1, "end")
    issued = (*twin.issued, Issued(session, published, is_end=True))
    return twin._replace(ended=session, issued=issued, maps=(*twin.maps, end)), "ended"


def resume(twin: Twin, session: int) -> int | None:
    """Return the seq that a session goes on with; None: only a new one can be opened."""
    return twin.seq if session == twin.session else None


def _lend(twin: Twin, tickets: tuple[int, ...], worker: str) -> Twin:
    return twin._replace(
        frames=tuple(
            f._replace(holder=worker, deliveries=f.deliveries + 1) if f.ticket in tickets else f
            for f in twin.frames
        )
    )


def take(twin: Twin, worker: str, count: int) -> tuple[Twin, tuple[int, ...]]:
    tickets = tuple(f.ticket for f in twin.frames if not f.deliveries)[:count]
    return _lend(twin, tickets, worker), tickets


def claim(
    twin: Twin, worker: str, count: int, leave_out: tuple[int, ...] = ()
) -> tuple[Twin, tuple[int, ...]]:
    """All that is lent counts as left alone for long."""
    lent = [f.ticket for f in twin.frames if f.deliveries and f.ticket not in leave_out]
    tickets = tuple(lent[:count])
    return _lend(twin, tickets, worker), tickets


def hold(twin: Twin, worker: str, tickets: tuple[int, ...]) -> int:
    return sum(f.ticket in tickets and f.holder == worker for f in twin.frames)


def finish(twin: Twin, ticket: int, kind: str) -> tuple[Twin, bool]:
    """Put `maps` or a `gap` in a frame's place."""
    found = [f for f in twin.frames if f.ticket == ticket]
    if not found:
        return twin, False
    assert len(found) == 1, "one entry a ticket"
    frames = tuple(f for f in twin.frames if f.ticket != ticket)
    return twin._replace(frames=frames, maps=(*twin.maps, Result(ticket, kind))), True


def bury(twin: Twin, ticket: int) -> tuple[Twin, bool]:
    """Give a frame up; a nameless one leaves no tombstone here, since `mend` did."""
    found = [f for f in twin.frames if f.ticket == ticket]
    if not found:
        return twin, False
    if not found[0].is_nameless:
        twin, _ = finish(twin, ticket, "gap")
    frames = tuple(f for f in twin.frames if f.ticket != ticket)
    return twin._replace(frames=frames, dead=twin.dead + 1), True


def mend(twin: Twin) -> tuple[Twin, int]:
    """Nameless entries count as gone, each being left out or unreadable to the script."""
    known = {f.ticket for f in twin.frames if not f.is_nameless} | {r.ticket for r in twin.maps}
    holes = [t for t in range(twin.committed + 1, len(twin.issued) + 1) if t not in known]
    return twin._replace(maps=twin.maps + tuple(Result(t, "gap") for t in holes)), len(holes)


def damage(twin: Twin, ticket: int) -> Twin:
    """No step: a waiting entry becomes unreadable."""
    return twin._replace(
        frames=tuple(f._replace(is_nameless=True) if f.ticket == ticket else f for f in twin.frames)
    )


def lease_take(twin: Twin, owner: str) -> tuple[Twin, int]:
    """Reply with the token; 0: another holds it."""
    if twin.lease.live and twin.lease.owner != owner:
        return twin, 0
    token = twin.lease.token + 1
    return twin._replace(lease=Lease(owner, token, True)), token


def lease_renew(twin: Twin, owner: str, token: int) -> tuple[Twin, bool]:
    if twin.lease.token != token:
        return twin, False
    return twin._replace(lease=Lease(owner, token, True)), True


def lease_release(twin: Twin, owner: str, token: int) -> Twin:
    if twin.lease.token != token:
        return twin
    return twin._replace(lease=Lease(owner, token, False))


def lease_runs_out(twin: Twin) -> Twin:
    """No step: time passes."""
    return twin._replace(lease=twin.lease._replace(live=False))


def _holds(twin: Twin, token: int) -> bool:
    return twin.lease.live and twin.lease.token == token


def take_maps(twin: Twin, token: int, count: int) -> tuple[Twin, tuple[int, ...] | None]:
    """Reply with tickets; None: the lease is lost (which an empty stream doesn't ask)."""
    if not twin.maps:
        return twin, ()
    if not _holds(twin, token):
        return twin, None
    tickets = tuple(r.ticket for r in twin.maps if not r.taken)[:count]
    maps = tuple(r._replace(taken=True) if r.ticket in tickets else r for r in twin.maps)
    return twin._replace(maps=maps), tickets


def pending(twin: Twin) -> tuple[int, ...]:
    return tuple(r.ticket for r in twin.maps if r.taken)


def commit(twin: Twin, token: int, ticket: int, kind: str, state: int | None) -> tuple[Twin, str]:
    """`kind`: pose, gap or end."""
    if not _holds(twin, token):
        return twin, "lost"
    if ticket > twin.committed + 1:
        return twin, "order"
    assert sum(r.ticket == ticket for r in twin.maps) <= 1, "one entry a ticket"
    twin = twin._replace(maps=tuple(r for r in twin.maps if r.ticket != ticket))
    if ticket <= twin.committed:
        return twin, "duplicate"
    state = twin.state if state is None else state
    return twin._replace(done=(*twin.done, kind), state=state), "committed"
