"""Taking maps in order and committing results: the post-processing side of the bus."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

import redis

from ghostpose.bus.commit import (
    CameraPosition,
    MapsDelivery,
    commit,
    end_outcome,
    gap_outcome,
    pose_outcome,
)
from ghostpose.bus.dead import bury_nameless
from ghostpose.bus.steps import Step
from ghostpose.codec.entries import StreamEntry, from_read, from_script
from ghostpose.codec.messages import decode_id, decode_maps_entry
from ghostpose.errors import DecodeError, InvalidValueError
from ghostpose.server import CLUSTER_POLL_S, MAX_BLOCK_S, is_group_lost, translated
from ghostpose.topics import POSTPROCESS_GROUP
from ghostpose.types import GapMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ghostpose.bus.connection import Bus
    from ghostpose.bus.lease import Lease
    from ghostpose.bus.steps import Argument
    from ghostpose.types import EventMessage, PoseMessage

CONSUMER: Final = "owner"
"""The group's one consumer in every partition: it is whoever holds the lease."""

PENDING_PAGE: Final = 64
"""Pending entries read at a time."""

LOST_PAUSE_S: Final = 0.05
"""What `take` waits when every lease is lost, so that its caller doesn't spin until it renews."""

_log = logging.getLogger(f"{__name__}.MapsReader")


class MapsReader:
    """Reads the maps of leased partitions and commits what was made of them. For one thread.

    What is taken stays pending until its commit. Whoever takes a lease over reads it again with
    `pending`, so nothing has to be handed back.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._last_ids: dict[int, str] = {}
        """Partition -> id handed out last, empty if the lease is lost; none: not known."""
        self._undecodable = 0
        self._turn = 0

    @property
    def undecodable(self) -> int:
        """Maps entries that could not be decoded: gaps with the reason `decode`, dead letters."""
        return self._undecodable

    def pending(self, lease: Lease) -> list[MapsDelivery]:
        """Return everything handed out before and not committed, oldest first.

        To be read once, before the first `take`, by whoever has taken a lease over.
        """
        self.look_again(lease)
        stream = self._bus.keys.maps(lease.partition)
        pending: list[MapsDelivery] = []
        after = "0"
        while True:
            entries = self._read_pending(stream, after)
            if not entries:
                return pending
            after = entries[-1].id
            gone = [entry.id for entry in entries if not entry.fields]
            if gone:
                with translated(self._bus.address):
                    self._bus.client.xack(stream, POSTPROCESS_GROUP, *gone)
            pending += self._decoded(lease.partition, (e for e in entries if e.fields))

    def look_again(self, lease: Lease) -> None:
        """Have the next `take` ask what is there, and not only wait for what is newer.

        A server that failed over to an older copy has entries again that were handed out once.
        """
        self._last_ids.pop(lease.partition, None)

    def has_pending(self, lease: Lease) -> bool:
        """Return whether anything was handed out and not committed, seen by this reader or not."""
        stream = self._bus.keys.maps(lease.partition)
        with translated(self._bus.address):
            try:
                summary: Any = self._bus.client.xpending(stream, POSTPROCESS_GROUP)
            except redis.ResponseError as error:
                if not is_group_lost(error):
                    raise
                return False
        return bool(summary["pending"])

    def take(self, leases: Sequence[Lease], count: int, block_s: float) -> list[MapsDelivery]:
        """Return up to `count` new entries of each leased partition; wait up to `block_s`.

        Partitions whose lease was lost yield nothing: `renew` tells.
        """
        deadline = time.monotonic() + min(block_s, MAX_BLOCK_S)
        if not leases:
            raise InvalidValueError("take: there is no lease to read in the name of")
        taken = (
            [] if block_s > 0 and self._can_wait_first(leases) else self._take_now(leases, count)
        )
        while not taken and (left_s := deadline - time.monotonic()) > 0:
            taken = self._take_now(self._wait(leases, left_s) or leases, count)
        return taken

    def committed(self, camera: str) -> CameraPosition:
        """Return how far this camera's commits are."""
        with translated(self._bus.address):
            cam: Any = self._bus.client.hmget(
                self._bus.keys.camera(camera), "csession", "committed"
            )
        return CameraPosition(-1 if cam[0] is None else int(cam[0]), int(cam[1] or 0))

    def state(self, camera: str) -> bytes:
        """Return the tracker state of the camera's last commit; b"" if there is none."""
        with translated(self._bus.address):
            state: Any = self._bus.client.get(self._bus.keys.state(camera))
        return bytes(state or b"")

    def rules(self, camera: str) -> bytes:
        """Return what the camera watches for, as JSON; b"" if nothing."""
        with translated(self._bus.address):
            rules: Any = self._bus.client.hget(self._bus.keys.camera(camera), "rules")
        return bytes(rules or b"")

    def commit_pose(
        self,
        lease: Lease,
        delivery: MapsDelivery,
        pose: PoseMessage,
        state: bytes,
        events: Sequence[EventMessage] = (),
    ) -> bool:
        """Commit a frame's pose message, its events and the state after it, in one step.

        False: this ticket was committed before, and the duplicate was dropped.

        Raises:
            LeaseLostError: the lease ran out or another worker has taken the partition.
            InvalidValueError: the pose or an event is of another frame than the delivery.
            BusError: it isn't this ticket's turn.
        """
        return commit(self._bus, lease, delivery, pose_outcome(delivery, pose, events), state)

    def commit_gap(self, lease: Lease, delivery: MapsDelivery, state: bytes | None) -> bool:
        """Commit a tombstone as a `gap` event; `state` None leaves the tracker state as it is.

        Returns and raises as `commit_pose`.
        """
        return commit(self._bus, lease, delivery, gap_outcome(delivery), state)

    def commit_end(self, lease: Lease, delivery: MapsDelivery, state: bytes | None) -> bool:
        """Commit the end of a session as a `session_end` event and count it.

        The event's details: frames_read, skipped (by reason), clock_repairs, published, poses,
        gaps. Returns and raises as `commit_pose`.
        """
        return commit(self._bus, lease, delivery, end_outcome(delivery), state)

    def _take_now(self, leases: Sequence[Lease], count: int) -> list[MapsDelivery]:
        taken: list[MapsDelivery] = []
        keys = self._bus.keys
        for group in self._together(leases):
            names = [
                key for x in group for key in (keys.lease(x.partition), keys.maps(x.partition))
            ]
            arguments: list[Argument] = [POSTPROCESS_GROUP, CONSUMER, count]
            arguments += [lease.token for lease in group]
            reply = self._bus.run(Step.TAKE_MAPS, names, arguments)
            for lease, (entries, last_id) in zip(group, reply, strict=True):
                self._last_ids[lease.partition] = last_id.decode()
                taken += self._decoded(lease.partition, from_script(entries))
        return taken

    def _together(self, leases: Sequence[Lease]) -> list[Sequence[Lease]]:
        """Return the leases in groups that one step may touch: on a cluster, one by one."""
        return [(lease,) for lease in leases] if self._bus.is_cluster else [leases]

    def _can_wait_first(self, leases: Sequence[Lease]) -> bool:
        """Whether a wait tells all there is, so that asking what is there before would be in vain.

        Of a lease that is new, or was lost, it isn't known after which entry to wait; on a cluster
        a wait is for one partition only.
        """
        known = (self._last_ids.get(lease.partition) for lease in leases)
        return not self._bus.is_cluster and all(known)

    def _wait(self, leases: Sequence[Lease], left_s: float) -> list[Lease]:
        """Wait for entries that are newer than what was taken; return the leases of some.

        Not in the group's name: that would hand entries out without a look at the lease.
        """
        self._turn += 1
        groups = self._together(leases)
        by_stream = {
            self._bus.keys.maps(lease.partition): lease
            for lease in groups[self._turn % len(groups)]
        }
        since: Any = {
            stream: last_id
            for stream, lease in by_stream.items()
            if (last_id := self._last_ids[lease.partition])
        }
        if not since:  # every lease is lost: the caller's renewal will tell it
            time.sleep(min(left_s, LOST_PAUSE_S))
            return []
        wait_s = min(left_s, CLUSTER_POLL_S) if self._bus.is_cluster else left_s
        with translated(self._bus.address):
            came: Any = self._bus.client.xread(since, count=1, block=max(1, round(wait_s * 1000)))
        return [by_stream[stream.decode()] for stream, _ in came or ()]

    def _read_pending(self, stream: str, after: str) -> list[StreamEntry]:
        since: Any = {stream: after}
        with translated(self._bus.address):
            try:
                reply = self._bus.client.xreadgroup(
                    POSTPROCESS_GROUP, CONSUMER, since, count=PENDING_PAGE
                )
            except redis.ResponseError as error:
                if not is_group_lost(error):
                    raise
                return []  # Nothing was ever taken; the first `take` step makes the group.
        return [entry for _, entry in from_read(reply)]

    def _decoded(self, partition: int, entries: Iterable[StreamEntry]) -> list[MapsDelivery]:
        decoded = []
        for entry in entries:
            try:
                delivery = self._decode(partition, entry)
            except DecodeError as error:
                self._undecodable += 1
                _log.warning("entry %s of partition %d is buried: %s", entry.id, partition, error)
                bury_nameless(
                    self._bus,
                    partition,
                    source=self._bus.keys.maps(partition),
                    group=POSTPROCESS_GROUP,
                    entry_id=entry.id,
                    detail=str(error),
                    keep_payload=True,
                )
            else:
                decoded.append(delivery)
        return decoded

    def _decode(self, partition: int, entry: StreamEntry) -> MapsDelivery:
        """Decode an entry; damaged maps of a known frame are a gap.

        Raises:
            DecodeError: it doesn't even name a frame of this partition.
        """
        stream = self._bus.keys.maps(partition)
        frame_id = decode_id(entry.fields)
        if self._bus.keys.partition_of(frame_id.camera) != partition:
            raise DecodeError(f"{frame_id}: this camera doesn't belong to {stream}")
        try:
            message = decode_maps_entry(entry.fields, entry.at_ms)
        except DecodeError as error:
            self._undecodable += 1
            _log.warning("%s becomes a gap: %s", frame_id, error)
            gap = GapMessage(frame_id, "decode")
            return MapsDelivery(partition, stream, entry.id, gap, damage=str(error))
        return MapsDelivery(partition, stream, entry.id, message)
