"""All roles of the bus for one camera, played from one thread."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import samples

from ghostpose.bus import (
    Bus,
    FrameDelivery,
    FramePublisher,
    FrameReader,
    Lease,
    MapsDelivery,
    MapsReader,
    PartitionLeases,
    Published,
)
from ghostpose.types import EndMessage, GapMessage

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Pipeline:
    """Ingest of one camera, one inference worker, one post-processing worker."""

    bus: Bus
    camera: str
    publisher: FramePublisher
    frames: FrameReader
    leases: PartitionLeases
    maps: MapsReader
    lease: Lease

    @property
    def partition(self) -> int:
        return self.bus.keys.partition_of(self.camera)

    def publish(self, count: int = 1) -> list[Published]:
        published = []
        for _ in range(count):
            answer = self.publisher.publish(samples.info(), samples.picture())
            assert isinstance(answer, Published)
            published.append(answer)
        return published

    def infer(self, count: int = 1) -> int:
        """Take up to `count` frames and hand their maps in; return how many there were."""
        taken = self.frames.take(count, 0)
        return sum(self.finish(delivery) for delivery in taken)

    def finish(self, delivery: FrameDelivery, frames: FrameReader | None = None) -> bool:
        picture = delivery.message.picture
        maps = samples.maps(-(-picture.height // 8), -(-picture.width // 8))
        return (frames or self.frames).finish(delivery, maps, wait_ms=1, inference_ms=2)

    def take_maps(self) -> list[MapsDelivery]:
        return self.maps.take([self.lease], 100, 0)

    def commit(self, deliveries: Iterable[MapsDelivery] | None = None) -> list[bool]:
        return [
            self.commit_one(d) for d in (self.take_maps() if deliveries is None else deliveries)
        ]

    def commit_one(self, delivery: MapsDelivery, lease: Lease | None = None) -> bool:
        """Commit with the ticket as the tracker's state."""
        lease = lease or self.lease
        state = str(delivery.message.id.ticket).encode()
        if isinstance(delivery.message, GapMessage):
            return self.maps.commit_gap(lease, delivery, state)
        if isinstance(delivery.message, EndMessage):
            return self.maps.commit_end(lease, delivery, state)
        return self.maps.commit_pose(lease, delivery, samples.pose(delivery.message.id), state)

    def committed_seqs(self) -> list[int]:
        return [message["seq"] for message in self.poses()]

    def poses(self) -> list[dict[str, Any]]:
        return self._messages(self.bus.keys.poses(self.camera))

    def events(self) -> list[dict[str, Any]]:
        return self._messages(self.bus.keys.events(self.camera))

    def _messages(self, key: str) -> list[dict[str, Any]]:
        return [json.loads(fields[b"d"]) for _, fields in self.bus.client.xrange(key)]


def make_pipeline(bus: Bus, camera: str, credit: int = 4) -> Pipeline:
    bus.register_camera(camera, policy="every", credit=credit)
    publisher = FramePublisher(bus, camera)
    publisher.open_session()
    leases = PartitionLeases(bus, "post-1", ttl_s=600)
    lease = leases.take(bus.keys.partition_of(camera))
    assert lease is not None
    return Pipeline(
        bus, camera, publisher, FrameReader(bus, "infer-1"), leases, MapsReader(bus), lease
    )
