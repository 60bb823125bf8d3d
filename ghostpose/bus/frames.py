"""Taking frames and handing in maps: the inference side of the bus."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis

from ghostpose.bus.consumers import IdleConsumers
from ghostpose.bus.dead import bury, bury_nameless
from ghostpose.bus.steps import Step
from ghostpose.codec.entries import StreamEntry, from_read, from_script
from ghostpose.codec.maps import encode_maps
from ghostpose.codec.messages import (
    decode_frame,
    decode_id,
    encode_gap_header,
    encode_maps_header,
)
from ghostpose.errors import DecodeError
from ghostpose.server import CLUSTER_POLL_S, MAX_BLOCK_S, is_group_lost, translated
from ghostpose.topics import INFERENCE_GROUP

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ghostpose.bus.connection import Bus
    from ghostpose.bus.steps import Argument
    from ghostpose.types import FrameId, FrameMessage, Maps, MapsCodec, SkipReason

_log = logging.getLogger(f"{__name__}.FrameReader")


@dataclass(frozen=True, slots=True)
class FrameDelivery:
    """A frame lent to this worker. `deliveries` counts how often it was handed out, from 1."""

    stream: str
    entry_id: str
    message: FrameMessage
    deliveries: int


class FrameReader:
    """Takes frames of all cameras, oldest first, and hands in their maps. For one thread.

    A frame that is taken and neither finished, skipped nor buried becomes claimable by others; if
    two workers hold a frame, the first to finish wins.
    """

    def __init__(self, bus: Bus, worker: str) -> None:
        self._bus = bus
        self._worker = worker
        self._streams = tuple(bus.keys.frames(p) for p in range(bus.partitions))
        self._partition = {stream: p for p, stream in enumerate(self._streams)}
        self._groups = (
            [(stream,) for stream in self._streams] if bus.is_cluster else [self._streams]
        )
        self._surplus: list[FrameDelivery] = []
        self._turn = 0
        self._buried = 0
        self._idle_consumers = IdleConsumers(bus, INFERENCE_GROUP)

    @property
    def buried(self) -> int:
        """Entries this reader could not decode and gave up."""
        return self._buried

    def take(self, count: int, block_s: float) -> list[FrameDelivery]:
        """Return up to `count` of the oldest waiting frames; wait up to `block_s` for the first.

        May return early with none. Entries that can't be decoded are buried and counted, never
        returned.
        """
        deadline = time.monotonic() + min(block_s, MAX_BLOCK_S)
        while True:
            taken = self._take_now(count)
            left_s = deadline - time.monotonic()
            if taken or left_s <= 0:
                return taken
            if came := self._wait(count, left_s):
                # More than one stream may have had frames by then: the rest is for the next call.
                self._surplus += came[count:]
                return came[:count]

    def remainder(self) -> list[FrameDelivery]:
        """Return the frames that are lent to this worker and wait here for the next `take`."""
        waiting, self._surplus = self._surplus, []
        return waiting

    def hold(self, deliveries: Sequence[FrameDelivery]) -> int:
        """Begin the idle time of frames anew, so that nobody takes them over; count no delivery.

        Returns how many are still lent to this worker: what another has taken over stays there.
        """
        return sum(
            self._bus.run(Step.HOLD, streams, (INFERENCE_GROUP, self._worker, *pairs))
            for streams in self._groups
            if (pairs := _numbered(deliveries, streams))
        )

    def claim_idle(
        self, min_idle_s: float, count: int, leave_out: Sequence[FrameDelivery] = ()
    ) -> list[FrameDelivery]:
        """Take over up to `count` frames that were taken and left alone for `min_idle_s`.

        Those of `leave_out` stay as they are: what this worker itself still works on.
        """
        self._idle_consumers.forget_if_due(self._groups)
        claimed: list[FrameDelivery] = []
        for streams in self._groups:
            arguments = (
                INFERENCE_GROUP,
                self._worker,
                round(min_idle_s * 1000),
                count - len(claimed),
                *_numbered(leave_out, streams),
            )
            for number, entry, deliveries in self._bus.run(Step.CLAIM, streams, arguments):
                stream = streams[number - 1]
                claimed += self._decoded(stream, from_script([entry]), deliveries)
        return claimed

    def finish(
        self,
        delivery: FrameDelivery,
        maps: Maps,
        *,
        codec: MapsCodec = "compact",
        wait_ms: float,
        inference_ms: float,
    ) -> bool:
        """Hand in a frame's maps. False: another worker was first, and these vanish."""
        data = encode_maps(maps, codec)
        return self.finish_encoded(delivery, data, wait_ms=wait_ms, inference_ms=inference_ms)

    def finish_encoded(
        self, delivery: FrameDelivery, maps_data: bytes, *, wait_ms: float, inference_ms: float
    ) -> bool:
        """As `finish`, with maps that `encode_maps` made before (in another thread, say)."""
        message = delivery.message
        header = encode_maps_header(
            message,
            published_ms=message.published_ms,
            wait_ms=wait_ms,
            inference_ms=inference_ms,
        )
        return self._replace(delivery, "maps", header, maps_data)

    def skip(self, delivery: FrameDelivery, reason: SkipReason) -> bool:
        """Leave a tombstone in the frame's place. False: another worker was first."""
        return self._replace(delivery, "gap", encode_gap_header(reason), b"")

    def bury(self, delivery: FrameDelivery, reason: SkipReason, detail: str) -> bool:
        """Give a frame up: to the dead letters, a tombstone in its place. False: not first."""
        message = delivery.message
        return self._bury(
            delivery.stream,
            delivery.entry_id,
            message.id,
            reason,
            detail,
            keep_picture=message.info.keep_picture,
        )

    def server_time_ms(self) -> int:
        """Return the server's clock, Unix ms."""
        return self._bus.server_time_ms()

    def close(self) -> None:
        """Leave the groups, unless frames are still lent to this worker: they stay claimable."""
        for streams in self._groups:
            self._bus.run(Step.LEAVE, streams, (INFERENCE_GROUP, self._worker))

    def _take_now(self, count: int, *, make_groups: bool = False) -> list[FrameDelivery]:
        taken, self._surplus = self._surplus[:count], self._surplus[count:]
        self._turn += 1
        for index in range(len(self._groups)):
            if len(taken) >= count:
                break
            # Each call begins with another partition, so that on a cluster none comes last always.
            streams = self._groups[(self._turn + index) % len(self._groups)]
            arguments = (INFERENCE_GROUP, self._worker, count - len(taken), int(make_groups))
            for number, entries in self._bus.run(Step.TAKE, streams, arguments):
                taken += self._decoded(streams[number - 1], from_script(entries))
        return taken

    def _wait(self, count: int, left_s: float) -> list[FrameDelivery]:
        streams = self._groups[self._turn % len(self._groups)]
        wait_s = min(left_s, CLUSTER_POLL_S) if self._bus.is_cluster else left_s
        waiting: Any = dict.fromkeys(streams, ">")
        with translated(self._bus.address):
            try:
                reply = self._bus.client.xreadgroup(
                    INFERENCE_GROUP,
                    self._worker,
                    waiting,
                    count=1,
                    block=max(1, round(wait_s * 1000)),
                )
            except redis.ResponseError as error:
                if not is_group_lost(error):
                    raise
                # At the first wait of all, and after the server lost its memory.
                return self._take_now(count, make_groups=True)
        came = []
        for stream, entry in from_read(reply):
            came += self._decoded(stream, [entry])
        return came

    def _decoded(
        self, stream: str, entries: Iterable[StreamEntry], deliveries: int = 1
    ) -> list[FrameDelivery]:
        decoded = []
        for entry in entries:
            try:
                message = decode_frame(entry.fields, entry.at_ms)
                self._check_partition(stream, message.id)
            except DecodeError as error:
                self._give_up(stream, entry, error)
            else:
                decoded.append(FrameDelivery(stream, entry.id, message, deliveries))
        return decoded

    def _check_partition(self, stream: str, frame_id: FrameId) -> None:
        if self._bus.keys.partition_of(frame_id.camera) != self._partition[stream]:
            raise DecodeError(f"{frame_id}: this camera doesn't belong to {stream}")

    def _give_up(self, stream: str, entry: StreamEntry, error: DecodeError) -> None:
        """Bury an entry, without its picture: whether that may be kept is not known."""
        try:
            frame_id = decode_id(entry.fields)
            self._check_partition(stream, frame_id)
        except DecodeError:
            buried = bury_nameless(
                self._bus,
                self._partition[stream],
                source=stream,
                group=INFERENCE_GROUP,
                entry_id=entry.id,
                detail=str(error),
                keep_payload=False,
            )
        else:
            buried = self._bury(
                stream, entry.id, frame_id, "decode", str(error), keep_picture=False
            )
        if buried:
            self._buried += 1
            _log.warning("entry %s of %s is buried: %s", entry.id, stream, error)

    def _replace(self, delivery: FrameDelivery, kind: str, header: bytes, payload: bytes) -> bool:
        frame_id = delivery.message.id
        keys = (delivery.stream, self._bus.keys.maps(self._partition[delivery.stream]))
        id_arguments = (frame_id.camera, frame_id.session, frame_id.seq, frame_id.ticket)
        arguments = (INFERENCE_GROUP, delivery.entry_id, kind, *id_arguments, header, payload)
        return bool(self._bus.run(Step.FINISH, keys, arguments))

    def _bury(
        self,
        stream: str,
        entry_id: str,
        frame_id: FrameId,
        reason: SkipReason,
        detail: str,
        *,
        keep_picture: bool,
    ) -> bool:
        return bury(
            self._bus,
            self._partition[stream],
            source=stream,
            group=INFERENCE_GROUP,
            entry_id=entry_id,
            frame_id=frame_id,
            reason=reason,
            detail=detail,
            keep_payload=keep_picture,
        )


def _numbered(deliveries: Iterable[FrameDelivery], streams: Sequence[str]) -> list[Argument]:
    """Return (number of the stream from 1, entry id) for each delivery of these streams, flat."""
    numbers = {stream: number for number, stream in enumerate(streams, 1)}
    return [
        argument
        for delivery in deliveries
        if delivery.stream in numbers
        for argument in (numbers[delivery.stream], delivery.entry_id)
    ]
