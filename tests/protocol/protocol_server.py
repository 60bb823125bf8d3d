"""The same steps as `protocol_twin`, done by the real scripts on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis
import samples
from protocol_twin import Frame, Issued, Result, Twin

from ghostpose.bus import Bus, FramePublisher, Lease, MapsDelivery
from ghostpose.bus.commit import Outcome, commit, end_outcome, gap_outcome
from ghostpose.bus.dead import bury, bury_nameless, mend
from ghostpose.bus.steps import Step
from ghostpose.codec.messages import (
    encode_end_header,
    encode_frame_header,
    encode_gap_header,
    encode_maps_header,
)
from ghostpose.codec.poses import encode_pose
from ghostpose.errors import BusError, LeaseLostError
from ghostpose.topics import INFERENCE_GROUP, POSTPROCESS_GROUP
from ghostpose.types import EndMessage, FrameId, FrameMessage, GapMessage

if TYPE_CHECKING:
    from ghostpose.bus.steps import Argument

CAMERA = "lobby"
NAMELESS = b"?"


class RealSteps:
    """Each method is a step; tickets, sessions and tokens are the twin's numbers."""

    def __init__(self, bus: Bus, credit: int) -> None:
        self.bus, self.credit = bus, credit
        bus.register_camera(CAMERA, policy="every", credit=credit)
        self.partition = bus.keys.partition_of(CAMERA)
        self._frames, self._maps = bus.keys.frames(self.partition), bus.keys.maps(self.partition)
        self._sessions, self._tokens = [1], [0]
        self._ids: dict[int, str] = {}
        """Ticket -> id of its entry of the frames stream."""

    def open_session(self) -> int:
        self._sessions.append(FramePublisher(self.bus, CAMERA).open_session())
        return len(self._sessions) - 1

    def publish(self, session: int, seq: int) -> str | int:
        keys = FramePublisher(self.bus, CAMERA)._publish_keys
        picture = samples.picture()
        header = encode_frame_header(samples.info(), picture)
        arguments = (CAMERA, self._sessions[session], seq, header, picture.data, self.credit)
        reply = self.bus.run(Step.PUBLISH, keys, arguments)
        if reply[0] != b"published":
            return str(reply[0].decode())
        self._ids.setdefault(int(reply[1]), reply[2].decode())
        return int(reply[1])

    def end_session(self, session: int, published: int) -> str:
        arguments = (
            CAMERA,
            self._sessions[session],
            published,
            encode_end_header(published, {}, 0),
        )
        keys = (self.bus.keys.camera(CAMERA), self._maps)
        return str(self.bus.run(Step.END_SESSION, keys, arguments)[0].decode())

    def resume(self, session: int) -> int | None:
        publisher = FramePublisher(self.bus, CAMERA)
        return publisher.next_seq if publisher.resume_session(self._sessions[session]) else None

    def take(self, worker: str, count: int) -> tuple[int, ...]:
        reply = self.bus.run(Step.TAKE, (self._frames,), (INFERENCE_GROUP, worker, count, 0))
        return tuple(self._ticket_of(entry[0]) for _, entries in reply for entry in entries)

    def claim(self, worker: str, count: int, leave_out: tuple[int, ...]) -> tuple[int, ...]:
        arguments = (INFERENCE_GROUP, worker, 0, count, *self._pairs(leave_out))
        reply = self.bus.run(Step.CLAIM, (self._frames,), arguments)
        return tuple(self._ticket_of(entry[0]) for _, entry, _ in reply)

    def hold(self, worker: str, tickets: tuple[int, ...]) -> int:
        arguments = (INFERENCE_GROUP, worker, *self._pairs(tickets))
        return int(self.bus.run(Step.HOLD, (self._frames,), arguments))

    def finish(self, frame: FrameId, kind: str) -> bool:
        header = encode_gap_header("stale")
        if kind == "maps":
            message = FrameMessage(frame, samples.info(), samples.picture(), 1)
            header = encode_maps_header(message, published_ms=1, wait_ms=0, inference_ms=0)
        names = (frame.camera, frame.session, frame.seq, frame.ticket)
        arguments = (INFERENCE_GROUP, self._ids[frame.ticket], kind, *names, header, b"")
        return bool(self.bus.run(Step.FINISH, (self._frames, self._maps), arguments))

    def bury(self, frame: FrameId) -> bool:
        return bury(
            self.bus, self.partition, source=self._frames, group=INFERENCE_GROUP, detail="tested",
            entry_id=self._ids[frame.ticket], frame_id=frame, reason="poison", keep_payload=True,
        )  # fmt: skip

    def mend(self, ticket: int) -> int:
        return mend(self.bus, self.partition, self._frames, self._ids[ticket])

    def bury_nameless(self, ticket: int) -> bool:
        return bury_nameless(
            self.bus, self.partition, source=self._frames, group=INFERENCE_GROUP, detail="tested",
            entry_id=self._ids[ticket], keep_payload=True,
        )  # fmt: skip

    def damage_last(self, ticket: int) -> None:
        entry: Any = self.bus.client.xrange(self._frames, self._ids[ticket], self._ids[ticket])[0]
        self.bus.client.xdel(self._frames, entry[0])
        fields = entry[1] | {b"t": NAMELESS}
        self._ids[ticket] = self.bus.client.xadd(self._frames, fields).decode()  # type: ignore[union-attr]

    def lease(self, what: str, owner: str, token: int = 0) -> int:
        """Reply with the token; 0: refused."""
        arguments: tuple[Argument, ...] = (what, owner, 600_000, self._tokens[token])
        reply = self.bus.run(Step.LEASE, (self.bus.keys.lease(self.partition),), arguments)
        if reply and what == "take":
            self._tokens.append(int(reply[0]))
        return self._tokens.index(int(reply[0])) if reply else 0

    def lease_runs_out(self) -> None:
        self.bus.client.hset(self.bus.keys.lease(self.partition), "until", "0")

    def take_maps(self, token: int, count: int) -> tuple[int, ...] | None:
        arguments = (POSTPROCESS_GROUP, "owner", count, self._tokens[token])
        keys = (self.bus.keys.lease(self.partition), self._maps)
        ((entries, last),) = self.bus.run(Step.TAKE_MAPS, keys, arguments)
        tickets = tuple(int(dict(zip(e[1][::2], e[1][1::2], strict=True))[b"t"]) for e in entries)
        return tickets if last else None

    def commit(self, token: int, frame: FrameId, kind: str, state: int | None) -> str:
        ids = [
            entry_id for entry_id, fields in self._entries() if fields[b"t"] == b"%d" % frame.ticket
        ]
        delivery = MapsDelivery(
            self.partition, self._maps, ids[0].decode() if ids else "1-1", _message(frame, kind)
        )
        lease = Lease(self.partition, self._tokens[token], 0)
        state_bytes = None if state is None else b"%d" % state
        try:
            done = commit(self.bus, lease, delivery, _outcome(delivery, kind), state_bytes)
        except LeaseLostError:
            return "lost"
        except BusError:
            return "order"
        return "committed" if done else "duplicate"

    def view(self, twin: Twin) -> Twin:
        """Return the server's keys as a twin; what they don't hold is as in `twin`."""
        keys, client = self.bus.keys, self.bus.client
        cam: Any = client.hgetall(keys.camera(CAMERA))
        counters = self.bus.counters(CAMERA)
        lease: Any = client.hgetall(keys.lease(self.partition))
        kinds = ["pose"] * counters.poses + ["gap"] * counters.gaps
        kinds += ["end"] * counters.sessions_ended
        assert len(kinds) == int(cam[b"committed"]), "each ticket has one outcome"
        assert sorted(twin.done) == sorted(kinds)
        assert len(twin.issued) == int(cam[b"next"]) - 1
        live = int(lease.get(b"until", 0)) > self.bus.server_time_ms()
        token = int(lease.get(b"token", 0))
        return twin._replace(
            session=self._sessions.index(int(cam[b"session"])) if b"session" in cam else 0,
            seq=int(cam.get(b"seq", 0)),
            ended=self._sessions.index(int(cam[b"ended"])) if b"ended" in cam else 0,
            frames=self._frames_seen(),
            maps=self._maps_seen(),
            lease=twin.lease._replace(token=self._tokens.index(token), live=live),
            state=int(client.get(keys.state(CAMERA)) or 0),  # type: ignore[arg-type]
            dead=client.xlen(keys.dead(self.partition)),
        )

    def _frames_seen(self) -> tuple[Frame, ...]:
        lent = {row["message_id"]: row for row in self._pending(self._frames, INFERENCE_GROUP)}
        frames = []
        for entry_id, fields in self.bus.client.xrange(self._frames):  # type: ignore[union-attr]
            row = lent.get(entry_id, {"consumer": b"", "times_delivered": 0})
            nameless = fields[b"t"] == NAMELESS
            ticket = self._ticket_of(entry_id)
            frames.append(Frame(ticket, row["consumer"].decode(), row["times_delivered"], nameless))
        return tuple(frames)

    def _maps_seen(self) -> tuple[Result, ...]:
        taken = {row["message_id"] for row in self._pending(self._maps, POSTPROCESS_GROUP)}
        return tuple(
            Result(int(fields[b"t"]), fields[b"k"].decode(), entry_id in taken)
            for entry_id, fields in self._entries()
        )

    def _entries(self) -> list[tuple[bytes, dict[bytes, bytes]]]:
        return list(self.bus.client.xrange(self._maps))  # type: ignore[arg-type]

    def _pending(self, stream: str, group: str) -> list[dict[str, Any]]:
        try:
            return list(self.bus.client.xpending_range(stream, group, "-", "+", 99))  # type: ignore[arg-type]
        except redis.ResponseError:
            return []  # no group yet: nothing was ever taken

    def _pairs(self, tickets: tuple[int, ...]) -> list[Argument]:
        return [argument for ticket in tickets for argument in (1, self._ids[ticket])]

    def _ticket_of(self, entry_id: bytes) -> int:
        return next(t for t, known in self._ids.items() if known == entry_id.decode())

    def frame_id(self, ticket: int, issued: Issued) -> FrameId:
        return FrameId(CAMERA, self._sessions[issued.session], issued.seq, ticket)


def _message(frame: FrameId, kind: str) -> Any:
    if kind == "end":
        return EndMessage(frame, frame.seq)
    return GapMessage(frame, "stale")


def _outcome(delivery: MapsDelivery, kind: str) -> Outcome:
    if kind == "pose":
        json = encode_pose(samples.pose(delivery.message.id))
        return Outcome("pose", json, published_ms=1, counters={"poses": 1})
    return end_outcome(delivery) if kind == "end" else gap_outcome(delivery)
