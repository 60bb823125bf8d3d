"""The scripts on a real server do what their twin does, whatever the order of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import protocol_twin as steps
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from protocol_server import RealSteps
from protocol_twin import Twin

from ghostpose.bus import Bus

if TYPE_CHECKING:
    from ghostpose.bus import EmbeddedServer

WORKERS = st.sampled_from(["w-0", "w-1"])
NUMBERS = st.integers(0, 5)
COUNTS = st.integers(1, 3)


class BothSides(RuleBasedStateMachine):
    """Does each step on both sides, with any arguments, and compares replies and all keys."""

    server: ClassVar[EmbeddedServer]

    @initialize(credit=st.integers(1, 4))
    def deploy(self, credit: int) -> None:
        with redis.Redis.from_url(self.server.url) as client:
            client.flushall()
        self.bus = Bus.connect(self.server.url, partitions=2)
        self.real, self.twin = RealSteps(self.bus, credit), Twin(credit=credit)

    def teardown(self) -> None:
        if hasattr(self, "bus"):
            self.bus.close()

    def session(self, number: int) -> int:
        return number % (self.twin.session + 1)

    def session_before(self, back: int) -> int:
        """Return the newest session or an older one; 0 if there is none."""
        return max(min(1, self.twin.session), self.twin.session - back)

    def token(self, number: int) -> int:
        return number % (self.twin.lease.token + 1)

    def ticket(self, number: int, among: list[int]) -> int | None:
        return among[number % len(among)] if among else None

    @rule()
    def open_session(self) -> None:
        self.twin, session = steps.open_session(self.twin)
        assert self.real.open_session() == session

    @rule(back=st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, -1]), session=st.sampled_from([0, 0, 0, 1]))
    def publish(self, back: int, session: int) -> None:
        of, seq = self.session_before(session), max(0, self.twin.seq - back)
        self.twin, reply = steps.publish(self.twin, of, seq)
        assert self.real.publish(of, seq) == reply

    @rule(back=st.sampled_from([0, 0, 0, 1, -1]), session=st.sampled_from([0, 0, 0, 1]))
    def end_session(self, back: int, session: int) -> None:
        of, published = self.session_before(session), max(0, self.twin.seq - back)
        self.twin, reply = steps.end_session(self.twin, of, published)
        assert self.real.end_session(of, published) == reply

    @rule(number=NUMBERS)
    def resume(self, number: int) -> None:
        session = self.session(number)
        if session:
            assert self.real.resume(session) == steps.resume(self.twin, session)

    @rule(worker=WORKERS, count=COUNTS)
    def take(self, worker: str, count: int) -> None:
        self.twin, tickets = steps.take(self.twin, worker, count)
        assert self.real.take(worker, count) == tickets

    @rule(worker=WORKERS, count=COUNTS, number=NUMBERS)
    def claim(self, worker: str, count: int, number: int) -> None:
        lent = [frame.ticket for frame in self.twin.frames if frame.deliveries]
        left_out = tuple(lent[:number])
        self.twin, tickets = steps.claim(self.twin, worker, count, left_out)
        assert self.real.claim(worker, count, left_out) == tickets

    @rule(worker=WORKERS)
    def hold(self, worker: str) -> None:
        tickets = tuple(frame.ticket for frame in self.twin.frames)
        assert self.real.hold(worker, tickets) == steps.hold(self.twin, worker, tickets)

    @rule(number=NUMBERS, kind=st.sampled_from(["maps", "maps", "gap", "bury"]))
    def finish(self, number: int, kind: str) -> None:
        """Any frame, also one that is gone or was never taken."""
        named = [
            ticket
            for ticket, issued in enumerate(self.twin.issued, 1)
            if not issued.is_end and ticket not in self.nameless()
        ]
        ticket = self.ticket(number, named)
        if ticket is None:
            return
        frame = self.real.frame_id(ticket, self.twin.issued[ticket - 1])
        if kind == "bury":
            self.twin, first = steps.bury(self.twin, ticket)
            assert self.real.bury(frame) == first
        else:
            self.twin, first = steps.finish(self.twin, ticket, kind)
            assert self.real.finish(frame, kind) == first

    def nameless(self) -> list[int]:
        return [frame.ticket for frame in self.twin.frames if frame.is_nameless]

    @precondition(lambda self: bool(self.twin.frames) and not self.twin.frames[-1].deliveries)
    @rule()
    def damage(self) -> None:
        last = self.twin.frames[-1]
        if not last.is_nameless:
            self.twin = steps.damage(self.twin, last.ticket)
            self.real.damage_last(last.ticket)

    @rule(number=NUMBERS, only_mend=st.booleans())
    def mend(self, number: int, only_mend: bool) -> None:
        ticket = self.ticket(number, self.nameless())
        if ticket is None:
            return
        self.twin, mended = steps.mend(self.twin)
        if only_mend:
            assert self.real.mend(ticket) == mended
            return
        self.twin, first = steps.bury(self.twin, ticket)
        assert self.real.bury_nameless(ticket) == first

    @rule(owner=WORKERS)
    def lease_take(self, owner: str) -> None:
        self.twin, token = steps.lease_take(self.twin, owner)
        assert self.real.lease("take", owner) == token

    @rule(owner=WORKERS, number=NUMBERS, what=st.sampled_from(["renew", "release"]))
    def lease_renew_or_release(self, owner: str, number: int, what: str) -> None:
        token = self.token(number)
        if not token:
            return
        holds = self.twin.lease.token == token
        if what == "renew":
            self.twin, holds = steps.lease_renew(self.twin, owner, token)
        else:
            self.twin = steps.lease_release(self.twin, owner, token)
        assert self.real.lease(what, owner, token) == (token if holds else 0)

    @rule()
    def lease_runs_out(self) -> None:
        self.twin = steps.lease_runs_out(self.twin)
        self.real.lease_runs_out()

    @rule(number=st.sampled_from([0, 0, 0, 1]), count=COUNTS)
    def take_maps(self, number: int, count: int) -> None:
        token = max(0, self.twin.lease.token - number)
        self.twin, tickets = steps.take_maps(self.twin, token, count)
        assert self.real.take_maps(token, count) == tickets

    @rule(
        number=st.sampled_from([0, 0, 0, 1]),
        ahead=st.sampled_from([0, 0, 0, 0, 1, -1]),
        kind=st.sampled_from(["pose", "pose", "gap"]),
        state=st.one_of(st.none(), st.integers(0, 9)),
    )
    def commit(self, number: int, ahead: int, kind: str, state: int | None) -> None:
        ticket = self.twin.committed + 1 + ahead
        if not 1 <= ticket <= len(self.twin.issued):
            return
        token = max(0, self.twin.lease.token - number)
        issued = self.twin.issued[ticket - 1]
        kind = "end" if issued.is_end else kind
        self.twin, reply = steps.commit(self.twin, token, ticket, kind, state)
        assert self.real.commit(token, self.real.frame_id(ticket, issued), kind, state) == reply

    @invariant()
    def both_sides_are_the_same(self) -> None:
        if hasattr(self, "bus"):
            assert self.real.view(self.twin) == self.twin


def test_the_scripts_do_what_their_twin_does(running_server: EmbeddedServer) -> None:
    class OnServer(BothSides):
        server = running_server

    OnServer.TestCase.settings = settings(
        max_examples=40,
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    OnServer.TestCase().runTest()
