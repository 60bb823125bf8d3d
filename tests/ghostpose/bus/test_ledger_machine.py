"""Any order of steps, crashes and take-overs: each ticket is committed once, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
import redis
import samples
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ghostpose.bus import (
    Bus,
    FrameDelivery,
    FramePublisher,
    FrameReader,
    Full,
    Lease,
    MapsDelivery,
    MapsReader,
    PartitionLeases,
)
from ghostpose.errors import BusError, LeaseLostError, StaleSessionError
from ghostpose.types import EndMessage, GapMessage

if TYPE_CHECKING:
    from ghostpose.bus import EmbeddedServer

CAMERA = "lobby"
CREDIT = 3
ROUNDS = 20
"""In so many rounds a single worker of each kind must have finished whatever was left."""

WORKERS = st.integers(0, 1)
PICK = st.integers(0, 9)


class Inference:
    """A worker that may die at any time, with what it has in hand, and come back with nothing."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.reader = FrameReader(bus, name)
        self.hand: list[FrameDelivery] = []

    def crash(self) -> None:
        self.hand = []


class PostProcessing:
    """A worker that may die, or be paused: its old lease and its old deliveries then linger."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.leases = PartitionLeases(bus, name, ttl_s=600)
        self.reader = MapsReader(bus)
        self.lease: Lease | None = None
        self.hand: dict[str, MapsDelivery] = {}
        self.old: list[tuple[Lease, MapsDelivery]] = []

    def lose(self) -> None:
        """Forget the lease, but keep what could still be committed with it, wrongly, later."""
        if self.lease is not None:
            self.old += [(self.lease, delivery) for delivery in self.hand.values()]
        self.lease, self.hand = None, {}


class Ledger(RuleBasedStateMachine):
    """Two publishers (an old one lingers), two inference and two post-processing workers."""

    server: ClassVar[EmbeddedServer]

    @initialize()
    def deploy(self) -> None:
        with redis.Redis.from_url(self.server.url) as client:
            client.flushall()
        self.bus = Bus.connect(self.server.url, partitions=2)
        self.bus.register_camera(CAMERA, policy="every", credit=CREDIT)
        self.partition = self.bus.keys.partition_of(CAMERA)
        self.publisher = FramePublisher(self.bus, CAMERA)
        self.publisher.open_session()
        self.former: FramePublisher | None = None
        self.inference = [Inference(self.bus, f"infer-{i}") for i in range(2)]
        self.post = [PostProcessing(self.bus, f"post-{i}") for i in range(2)]
        self.newest_token = 0
        self.tickets: dict[tuple[int, int], int] = {}
        """(session, seq) -> ticket of every published frame."""
        self.ends: dict[int, int] = {}
        self.ended = False

    def teardown(self) -> None:
        if hasattr(self, "bus"):
            self.finish_everything()
            self.bus.close()

    # Ingest

    @rule(again=st.booleans())
    def publish(self, again: bool) -> None:
        if self.ended:
            return
        if again and self.publisher._next_seq:
            self.publisher._next_seq -= 1  # the answer was lost: the same frame is sent again
        answer = self.publisher.publish(samples.info(), samples.picture())
        if isinstance(answer, Full):
            assert self.bus.counters(CAMERA).in_flight >= CREDIT
            return
        key = (self.publisher.session, answer.seq)
        assert self.tickets.setdefault(key, answer.ticket) == answer.ticket

    @rule()
    def restart_ingest(self) -> None:
        self.former = self.publisher
        self.publisher = FramePublisher(self.bus, CAMERA)
        assert self.publisher.open_session() > self.former.session
        self.ended = False

    @rule()
    def former_ingest_publishes(self) -> None:
        if self.former is not None:
            with pytest.raises(StaleSessionError):
                self.former.publish(samples.info(), samples.picture())

    @rule()
    def end_session(self) -> None:
        published = self.publisher._next_seq
        self.publisher.end(frames_read=published + 1, skipped={"rate": 1})
        self.ends[self.publisher.session] = published
        self.ended = True

    # Inference

    @rule(worker=WORKERS, count=st.integers(1, 3))
    def take(self, worker: int, count: int) -> None:
        self.inference[worker].hand += self.inference[worker].reader.take(count, 0)

    @rule(worker=WORKERS)
    def claim(self, worker: int) -> None:
        self.inference[worker].hand += self.inference[worker].reader.claim_idle(0, 2)

    @rule(worker=WORKERS, pick=PICK, how=st.sampled_from(["finish", "finish", "skip", "bury"]))
    def finish(self, worker: int, pick: int, how: str) -> None:
        hand = self.inference[worker].hand
        if hand:
            self._finish(self.inference[worker].reader, hand.pop(pick % len(hand)), how)

    @rule(worker=WORKERS)
    def crash_inference(self, worker: int) -> None:
        self.inference[worker].crash()

    # Post-processing

    @rule(worker=WORKERS)
    def take_over(self, worker: int) -> None:
        """The lease runs out, whoever had it; this worker takes it and reads on."""
        self.bus.client.hset(self.bus.keys.lease(self.partition), "until", 0)
        me = self.post[worker]
        me.lose()
        me.lease = me.leases.take(self.partition)
        assert me.lease is not None
        assert me.lease.token > self.newest_token
        self.newest_token = me.lease.token
        me.hand = {d.entry_id: d for d in me.reader.pending(me.lease)}

    @rule(worker=WORKERS)
    def take_maps(self, worker: int) -> None:
        me = self.post[worker]
        if me.lease is not None:
            for delivery in me.reader.take([me.lease], 3, 0):
                assert delivery.entry_id not in me.hand
                me.hand[delivery.entry_id] = delivery

    @rule(worker=WORKERS, pick=PICK)
    def commit(self, worker: int, pick: int) -> None:
        me = self.post[worker]
        if me.lease is None or not me.hand:
            return
        delivery = sorted(me.hand.values(), key=lambda d: d.entry_id)[pick % len(me.hand)]
        before = me.reader.committed(CAMERA).committed_ticket
        holds = self.partition in me.leases.holders() and self._holder() is me
        try:
            committed = self._commit(me, me.lease, delivery)
        except LeaseLostError:
            assert not holds
            me.lose()
        except BusError:
            assert holds
            assert delivery.message.id.ticket > before + 1
        else:
            assert holds
            assert committed == (delivery.message.id.ticket == before + 1)
            del me.hand[delivery.entry_id]

    @rule(worker=WORKERS, pick=PICK)
    def commit_late(self, worker: int, pick: int) -> None:
        """A worker that was paused wakes and commits what it had in hand then.

        Until another takes the partition, the lease of one that crashed is good.
        """
        me = self.post[worker]
        if me.old:
            lease, delivery = me.old[pick % len(me.old)]
            if lease.token < self.newest_token:
                with pytest.raises(LeaseLostError):
                    self._commit(me, lease, delivery)

    @rule(worker=WORKERS)
    def crash_post_processing(self, worker: int) -> None:
        self.post[worker].lose()

    # The ledger

    @invariant()
    def commits_are_in_order_and_none_twice(self) -> None:
        if not hasattr(self, "bus"):
            return
        poses, gaps, _ = self._ledger()
        done = [self.tickets[key] for key in poses]
        assert done == sorted(set(done)), "poses are in the order of tickets"
        both = done + [self.tickets[key] for key in gaps]
        assert len(both) == len(set(both)), "each frame has one outcome"
        counters = self.bus.counters(CAMERA)
        assert counters.published == len(self.tickets)
        assert (counters.poses, counters.gaps) == (len(poses), len(gaps))

    def finish_everything(self) -> None:
        """With one worker of each kind left, every published frame gets its outcome."""
        self.take_over(0)
        post, reader = self.post[0], FrameReader(self.bus, "last")
        for _ in range(ROUNDS):
            if not self.bus.counters(CAMERA).in_flight:
                break
            for delivery in reader.take(10, 0) + reader.claim_idle(0, 10):
                self._finish(reader, delivery, "finish")
            self.take_maps(0)
            for delivery in sorted(post.hand.values(), key=lambda d: d.message.id.ticket):
                done = post.reader.committed(CAMERA).committed_ticket
                if delivery.message.id.ticket == done + 1:
                    assert post.lease is not None
                    assert self._commit(post, post.lease, delivery)
                    del post.hand[delivery.entry_id]
        assert not self.bus.counters(CAMERA).in_flight
        poses, gaps, ends = self._ledger()
        assert sorted(poses + gaps) == sorted(self.tickets)
        assert ends == self.ends
        counters = self.bus.counters(CAMERA)
        assert counters.published == counters.poses + counters.gaps
        assert counters.read == sum(self.ends.values()) + len(self.ends)
        self.commits_are_in_order_and_none_twice()

    def _finish(self, reader: FrameReader, delivery: FrameDelivery, how: str) -> None:
        if how == "skip":
            reader.skip(delivery, "stale")
        elif how == "bury":
            reader.bury(delivery, "poison", "tested")
        else:
            reader.finish(delivery, samples.maps(1, 2), wait_ms=0, inference_ms=0)

    def _commit(self, post: PostProcessing, lease: Lease, delivery: MapsDelivery) -> bool:
        message = delivery.message
        if isinstance(message, GapMessage):
            return post.reader.commit_gap(lease, delivery, b"")
        if isinstance(message, EndMessage):
            return post.reader.commit_end(lease, delivery, b"")
        return post.reader.commit_pose(lease, delivery, samples.pose(message.id), b"")

    def _holder(self) -> PostProcessing | None:
        name = self.post[0].leases.holders().get(self.partition)
        return {"post-0": self.post[0], "post-1": self.post[1]}.get(name or "")

    def _ledger(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]], dict[int, int]]:
        """Return (session, seq) of poses, of gaps, and frames published of ended sessions."""
        keys, client = self.bus.keys, self.bus.client
        poses = [samples.message_of(e) for e in client.xrange(keys.poses(CAMERA))]
        events = [samples.message_of(e) for e in client.xrange(keys.events(CAMERA))]
        return (
            [(pose["session"], pose["seq"]) for pose in poses],
            [(event["session"], event["seq"]) for event in events if event["kind"] == "gap"],
            {event["session"]: event["seq"] for event in events if event["kind"] == "session_end"},
        )


def test_every_frame_has_one_outcome_in_order_whatever_crashes(
    running_server: EmbeddedServer,
) -> None:
    class OnServer(Ledger):
        server = running_server

    OnServer.TestCase.settings = settings(
        max_examples=25,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    OnServer.TestCase().runTest()
