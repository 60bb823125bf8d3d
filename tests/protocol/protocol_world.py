"""Two processes of each role around the twin of the bus, and all that may happen next.

What may happen: each process does its next step, or crashes, or its reply is lost; a lease runs out
while its holder is paused; frames are claimed from a worker that is slow; an entry is damaged.
A process that is paused just does nothing while others do, so pausing needs no rule of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import protocol_twin as steps
from protocol_twin import Frame, Twin

if TYPE_CHECKING:
    from collections.abc import Iterator


class Limits(NamedTuple):
    """How large the explored worlds are."""

    frames: int = 3
    sessions: int = 2
    damaged: int = 0
    ends: bool = True


class Ingest(NamedTuple):
    """`status`: waiting to be started, on, dead (crashed), over."""

    status: str
    session: int = 0
    seq: int = 0


class Inference(NamedTuple):
    """Tickets in hand, and nameless ones for which it has mended already."""

    hand: tuple[int, ...] = ()
    mended: tuple[int, ...] = ()


class Post(NamedTuple):
    """What a worker with a lease (`token` is not 0) knows: the last commit, and what waits."""

    token: int = 0
    waiting: tuple[int, ...] = ()
    committed: int = 0
    state: int = 0


class World(NamedTuple):
    """Everything. `published` counts frames."""

    twin: Twin = Twin(session=1)
    ingest: tuple[Ingest, Ingest] = (Ingest("on", 1), Ingest("waiting"))
    inference: tuple[Inference, Inference] = (Inference(), Inference())
    post: tuple[Post, Post] = (Post(), Post())
    published: int = 0
    damaged: int = 0


class Move(NamedTuple):
    """One thing that may happen. A fault is what nobody may rely on to happen."""

    name: str
    is_fault: bool
    world: World


def moves(world: World, limits: Limits) -> Iterator[Move]:
    """Yield all that may happen next."""
    for number in (0, 1):
        yield from _ingest_moves(world, number, limits)
        yield from _inference_moves(world, number)
        yield from _post_moves(world, number)
    twin = world.twin
    if twin.lease.live:
        yield Move("lease runs out", False, world._replace(twin=steps.lease_runs_out(twin)))
    if world.damaged < limits.damaged:
        for frame in twin.frames:
            if not frame.deliveries and not frame.is_nameless:
                hurt = steps.damage(twin, frame.ticket)
                yield Move("damage", True, world._replace(twin=hurt, damaged=world.damaged + 1))


def _put(members: tuple, number: int, member: object) -> tuple:
    return (*members[:number], member, *members[number + 1 :])


# Ingest


def _ingest_moves(world: World, number: int, limits: Limits) -> Iterator[Move]:
    me, twin = world.ingest[number], world.twin

    def then(name: str, new: Ingest, twin: Twin = twin, *, fault: bool = False) -> Move:
        published = world.published + (twin.seq > world.twin.seq)
        ingest = _put(world.ingest, number, new)
        after = world._replace(twin=twin, ingest=ingest, published=published)
        return Move(f"ingest {number} {name}", fault, after)

    if me.status == "waiting":
        yield from _replacements(world, then, limits)
    if me.status != "on":
        return
    yield then("crashes", Ingest("dead", me.session), fault=True)
    after, reply = steps.publish(twin, me.session, me.seq)
    if after == twin and reply not in ("full", len(twin.issued)):
        yield then(f"is refused: {reply}", Ingest("over"))
    elif world.published < limits.frames and after != twin:
        yield then("publishes", me._replace(seq=me.seq + 1), after)
        yield then("publishes, reply lost", me, after, fault=True)
    elif reply == len(twin.issued):
        yield then("publishes again", me._replace(seq=me.seq + 1))
    if limits.ends:
        after, reply = steps.end_session(twin, me.session, me.seq)
        yield then(f"ends: {reply}", Ingest("over"), after)


def _replacements(world: World, then, limits: Limits) -> Iterator[Move]:
    """The second process: in a new session at any time, or in that of one that crashed."""
    former, twin = world.ingest[0], world.twin
    if twin.session < limits.sessions:
        opened, session = steps.open_session(twin)
        yield then("opens", Ingest("on", session), opened, fault=True)
    seq = steps.resume(twin, former.session) if former.status == "dead" else None
    if seq is not None:
        yield then("resumes", Ingest("on", former.session, seq), fault=True)


# Inference


def _inference_moves(world: World, number: int) -> Iterator[Move]:
    me, twin = world.inference[number], world.twin

    def then(name: str, new: Inference, twin: Twin = twin, *, fault: bool = False) -> Move:
        inference = _put(world.inference, number, new)
        return Move(f"inference {name}", fault, world._replace(twin=twin, inference=inference))

    if me.hand:
        yield then("crashes", Inference(), fault=True)
    taken, tickets = steps.take(twin, "worker", 1)
    if tickets:
        yield then("takes", me._replace(hand=(*me.hand, *tickets)), taken)
        yield then("takes, reply lost", me, taken, fault=True)
    for frame in twin.frames:
        if frame.deliveries and frame.ticket not in me.hand:
            yield then("claims", me._replace(hand=(*me.hand, frame.ticket)))
    nameless = {frame.ticket for frame in twin.frames if frame.is_nameless}
    for ticket in me.hand:
        less = me._replace(hand=tuple(t for t in me.hand if t != ticket))
        if ticket not in nameless:
            for kind in ("maps", "gap"):
                yield then(kind, less, steps.finish(twin, ticket, kind)[0])
        elif ticket in me.mended:
            less = less._replace(mended=tuple(t for t in me.mended if t != ticket))
            yield then("buries", less, steps.bury(twin, ticket)[0])
        else:
            mended = me._replace(mended=(*me.mended, ticket))
            yield then("mends", mended, steps.mend(twin)[0])


# Post-processing


def _post_moves(world: World, number: int) -> Iterator[Move]:
    me, twin, name = world.post[number], world.twin, f"post-{number}"

    def then(what: str, new: Post, twin: Twin = twin, *, fault: bool = False) -> Move:
        after = world._replace(twin=twin, post=_put(world.post, number, new))
        return Move(f"post {what}", fault, after)

    if not me.token:
        leased, token = steps.lease_take(twin, name)
        if token:
            yield then("takes the lease", _loaded(leased, token), leased)
        return
    dies = twin
    if twin.lease.owner == name:  # whoever is started in its place has another name
        dies = twin._replace(lease=twin.lease._replace(owner="nobody"))
    yield then("crashes", Post(), dies, fault=True)
    yield then("releases", Post(), steps.lease_release(twin, name, me.token))
    if not twin.lease.live:
        yield then("renews", me, steps.lease_renew(twin, name, me.token)[0])
    taken, tickets = steps.take_maps(twin, me.token, 1)
    if tickets:
        yield then("takes maps", me._replace(waiting=(*me.waiting, *tickets)), taken)
    elif tickets is None:
        yield then("may take no maps", Post())
    if me.waiting and min(me.waiting) <= me.committed + 1:
        yield from _commits(me, twin, then)


def _loaded(twin: Twin, token: int) -> Post:
    """Read everything as of the last commit: none but the holder of the lease changes it."""
    return Post(token, steps.pending(twin), twin.committed, twin.state)


def _commits(me: Post, twin: Twin, then) -> Iterator[Move]:
    ticket = min(me.waiting)
    (found,) = {result.kind for result in twin.maps if result.ticket == ticket} or {"gone"}
    kind = "pose" if found == "maps" else found
    state = me.state + 1 if kind == "pose" else None if kind == "gap" else me.state
    after, reply = steps.commit(twin, me.token, ticket, kind, state)
    assert reply != "committed" or kind != "gone", "a commit of what is not there"
    if reply == "lost":
        yield then("is refused: lost", Post())
    elif reply == "order":
        yield then("is refused: order", _loaded(twin, me.token))
    else:
        left = tuple(t for t in me.waiting if t != ticket)
        new = me.state if state is None or reply == "duplicate" else state
        done = Post(me.token, left, max(me.committed, ticket), new)
        yield then(f"commits: {reply}", done, after)
        yield then("commits, reply lost", Post(), after, fault=True)


# Worlds that behave alike


def canonical(world: World) -> World:
    """Return the one world that stands for all that behave like this one.

    Tickets, poses and tokens count from the last commit; workers of a role are in one order; and
    whoever is refused whatever it tries is where it will be once it has noticed.
    """
    twin, done = world.twin, world.twin.committed
    posts = tuple(_post_since(post, twin) for post in world.post)
    owner = twin.lease.owner if twin.lease.live else ""
    if posts[0] > posts[1]:
        posts = posts[::-1]
        owner = {"post-0": "post-1", "post-1": "post-0"}.get(owner, owner)
    frames = tuple(
        Frame(max(0, f.ticket - done), "", min(f.deliveries, 1), f.is_nameless) for f in twin.frames
    )
    hands = sorted(_hand_since(worker, twin) for worker in world.inference)
    since = twin._replace(
        issued=twin.issued[done:],
        frames=frames,
        maps=tuple(r._replace(ticket=r.ticket - done) for r in twin.maps),
        lease=steps.Lease(owner, min(twin.lease.token, 1), twin.lease.live),
        done=(),
        state=0,
        dead=0,
    )
    ingest = tuple(_ingest_seen(one, world) for one in world.ingest)
    return world._replace(twin=since, ingest=ingest, inference=tuple(hands), post=posts)


def _post_since(post: Post, twin: Twin) -> Post:
    if post.token != twin.lease.token:
        for ticket in post.waiting:
            refused = steps.commit(twin, post.token, ticket, "pose", 0)
            assert refused == (twin, "lost"), "a former owner commits"
        assert not (post.token and steps.lease_renew(twin, "", post.token)[1]), "and renews"
        return Post()
    if not post.token:
        return post
    waiting = tuple(sorted(ticket - twin.committed for ticket in post.waiting))
    return Post(1, waiting, post.committed - twin.committed, post.state - twin.state)


def _hand_since(worker: Inference, twin: Twin) -> Inference:
    there = {frame.ticket for frame in twin.frames}
    for ticket in set(worker.hand) - there:  # finished by another, so this hand is as good as empty
        assert steps.finish(twin, ticket, "maps") == (twin, False), "two workers finish a frame"

    def since(tickets: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(max(0, t - twin.committed) for t in there.intersection(tickets)))

    return Inference(since(worker.hand), since(worker.mended))


def _ingest_seen(one: Ingest, world: World) -> Ingest:
    if one.status == "dead":
        is_resumable = world.ingest[1].status == "waiting"
        return Ingest("dead", one.session) if is_resumable else Ingest("over")
    if one.status == "on" and one.session < world.twin.session:
        assert steps.publish(world.twin, one.session, one.seq) == (world.twin, "stale")
        return Ingest("over")
    return one
