"""One frame after another all the way over the bus, each step timed on its own."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from ghostpose.bus import Bus, FramePublisher, FrameReader, MapsReader, PartitionLeases, Published
from ghostpose.codec.images import encode_picture
from ghostpose.codec.maps import encode_maps
from ghostpose.types import FrameInfo, MapsMessage, Placement, PoseMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.recorded import Recorded

CAMERA, SIZE_PX = "bench", (768, 576)
STATE = bytes(1200)
"""As long as a tracker's of a handful of people."""

LEASE_S = 600.0

Answer = TypeVar("Answer")


class Walk:
    """A camera, a worker and the holder of its partition, in one process."""

    def __init__(self, bus: Bus, recorded: Recorded) -> None:
        bus.register_camera(CAMERA, policy="every", credit=4)
        self._publisher = FramePublisher(bus, CAMERA)
        self._publisher.open_session()
        self._frames, self._maps = FrameReader(bus, "bench"), MapsReader(bus)
        lease = PartitionLeases(bus, "bench", LEASE_S).take(bus.keys.partition_of(CAMERA))
        assert lease is not None
        self._lease = lease
        self._maps.pending(lease)
        pairs = zip(recorded.pictures, recorded.maps, strict=True)
        self._coded = itertools.cycle([(encode_picture(p), encode_maps(m)) for p, m in pairs])
        self._took_us: defaultdict[str, list[float]] = defaultdict(list)

    def walk(self, frames: int) -> dict[str, list[float]]:
        """Return the microseconds of each step of so many frames."""
        self._frames.take(1, 0.01)  # makes the group
        for number in range(frames):
            self._take_one_through(number)
        return dict(self._took_us)

    def _take_one_through(self, number: int) -> None:
        picture, maps = next(self._coded)
        info = FrameInfo(time.time(), number / 10, *SIZE_PX, Placement(1.5, 1.5))
        published = self._timed("publish", lambda: self._publisher.publish(info, picture))
        assert isinstance(published, Published)
        (frame,) = self._timed("take", lambda: self._frames.take(1, 1.0))
        self._timed(
            "finish",
            lambda: self._frames.finish_encoded(frame, maps, wait_ms=0.0, inference_ms=0.0),
        )
        (delivery,) = self._timed("take maps", lambda: self._maps.take([self._lease], 1, 1.0))
        assert isinstance(delivery.message, MapsMessage)
        frame_id = delivery.message.id
        pose = PoseMessage(
            CAMERA, frame_id.session, frame_id.seq, info.captured_at, info.media_time, *SIZE_PX, ()
        )
        self._timed("commit", lambda: self._maps.commit_pose(self._lease, delivery, pose, STATE))

    def _timed(self, name: str, step: Callable[[], Answer]) -> Answer:
        begun_s = time.perf_counter()
        answer = step()
        self._took_us[name].append(1e6 * (time.perf_counter() - begun_s))
        return answer
