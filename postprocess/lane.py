"""One camera's way through post-processing: maps in the order of tickets, committed one by one."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ghostpose.errors import DecodeError
from ghostpose.metrics import FRAMES, LATENCY, count, observe, observe_stages
from ghostpose.types import EndMessage, GapMessage, PoseMessage, Timings
from postprocess.grouping import group, to_people
from postprocess.lane_state import join_state, split_state
from postprocess.ordering import TicketOrder
from postprocess.tracking import Tracker
from postprocess.watching import Watching

if TYPE_CHECKING:
    from ghostpose.bus import Lease, MapsDelivery, MapsReader
    from ghostpose.bus.clock import ServerClock
    from ghostpose.types import MapsMessage, Person
    from postprocess.options import PostprocessOptions
    from postprocess.tracing import Traces

_log = logging.getLogger("postprocess.Lane")


@dataclass(slots=True)
class Counts:
    """What a worker has committed so far; shown in its heartbeat."""

    poses: int = 0
    people: int = 0
    gaps: int = 0
    ends: int = 0
    duplicates: int = 0
    partitions: int = 0

    def as_load(self) -> dict[str, float]:
        """Return the numbers by name."""
        return {name: float(getattr(self, name)) for name in self.__slots__}


class Lane:
    """Holds what a camera's next commit needs: tracker, rules, and frames that came early.

    All of it comes from the server, as of the last commit, whenever `load` is called; so whoever
    takes a partition over goes on exactly where the former owner was.
    """

    def __init__(
        self,
        camera: str,
        reader: MapsReader,
        options: PostprocessOptions,
        clock: ServerClock,
        counts: Counts,
        traces: Traces,
    ) -> None:
        self._camera, self._reader, self._options = camera, reader, options
        self._clock, self._counts, self._traces = clock, counts, traces
        self._order = TicketOrder(0)
        self._watching = Watching(camera, lambda: reader.rules(camera))
        self.load()

    def load(self) -> None:
        """Go back to the last commit; what came early stays."""
        self._order.committed = self._reader.committed(self._camera).committed_ticket
        self._restore(self._reader.state(self._camera))

    def add(self, delivery: MapsDelivery) -> None:
        """Take an entry in, to be committed at its turn."""
        if delivery.message.id.ticket <= self._order.committed:
            self.load()  # a duplicate, or the server lost its memory and tickets began anew
        self._order.add(delivery)

    def ready(self) -> bool:
        """Return whether an entry's turn has come."""
        return self._order.next() is not None

    def commit_next(self, lease: Lease) -> None:
        """Commit the entry whose turn it is.

        After an error the lane is as after its last commit (`load`), and may try again.

        Raises:
            LeaseLostError: another worker may have the partition now.
            BusError: it wasn't this entry's turn after all.
            BusUnavailableError: the server is away; whether this was committed isn't known.
        """
        delivery = self._order.next()
        assert delivery is not None
        was_new = self._commit(lease, delivery)
        self._counts.duplicates += not was_new
        self._order.done(delivery.message.id.ticket)

    def _commit(self, lease: Lease, delivery: MapsDelivery) -> bool:
        message = delivery.message
        self._tracker.start_session(message.id.session)
        if isinstance(message, EndMessage):
            was_new = self._reader.commit_end(lease, delivery, self._state())
            self._counts.ends += was_new
            return was_new
        if isinstance(message, GapMessage):
            return self._commit_gap(lease, delivery, message)
        try:
            pose = self._pose_of(message)
        except Exception as error:
            return self._give_up(lease, delivery, error)
        events = self._watching.judge(pose)
        was_new = self._reader.commit_pose(lease, delivery, pose, self._state(), events)
        self._counts.poses += was_new
        self._counts.people += was_new * len(pose.people)
        if was_new:
            count(FRAMES, self._camera, "pose", "")
            observe_stages(pose.timings_ms)
            observe(LATENCY, max(0.0, self._clock.now_ms() - message.published_ms) / 1000)
            self._traces.tell(pose, message.published_ms)
        return was_new

    def _commit_gap(self, lease: Lease, delivery: MapsDelivery, gap: GapMessage) -> bool:
        was_new = self._reader.commit_gap(lease, delivery, None)
        self._counts.gaps += was_new
        if was_new:
            count(FRAMES, self._camera, "gap", gap.reason)
        return was_new

    def _pose_of(self, message: MapsMessage) -> PoseMessage:
        begun_s = time.perf_counter()
        people = self._people_of(message)
        grouped_s = time.perf_counter()
        size = message.info.width, message.info.height
        people = self._tracker.update(people, message.info.media_time, size)
        tracked_s = time.perf_counter()
        info = message.info
        grouping_ms, tracking_ms = 1000 * (grouped_s - begun_s), 1000 * (tracked_s - grouped_s)
        on_the_way_ms = self._clock.now_ms() - message.done_ms - grouping_ms - tracking_ms
        return PoseMessage(
            camera=message.id.camera,
            session=message.id.session,
            seq=message.id.seq,
            captured_at=info.captured_at,
            media_time=info.media_time,
            width=info.width,
            height=info.height,
            people=people,
            timings_ms=Timings(
                decode=info.decode_ms,
                encode=info.encode_ms,
                wait=message.wait_ms,
                inference=message.inference_ms,
                grouping=grouping_ms,
                tracking=tracking_ms,
                commit=max(0.0, on_the_way_ms),
            ),
        )

    def _people_of(self, message: MapsMessage) -> tuple[Person, ...]:
        options, info = self._options.grouping, message.info
        grouped = group(message.maps, options)
        return to_people(
            grouped, info.placement, info.width, info.height, min_keypoints=options.min_keypoints
        )

    def _give_up(self, lease: Lease, delivery: MapsDelivery, error: Exception) -> bool:
        """Commit a tombstone for a frame that grouping or tracking fails on: a dead letter."""
        frame = delivery.message.id
        _log.exception("frame %s is given up: post-processing fails on it", frame)
        self.load()
        self._tracker.start_session(frame.session)
        gap = GapMessage(frame, "poison")
        given_up = replace(delivery, message=gap, damage=str(error) or "-")
        return self._commit_gap(lease, given_up, gap)

    def _state(self) -> bytes:
        return join_state(self._tracker.state(), self._watching.state())

    def _restore(self, state: bytes) -> None:
        """Go on from `state`; if that is damaged, with track numbers never used."""
        options = self._options.tracking
        try:
            tracker, memories = split_state(state)
            self._tracker = Tracker(self._camera, options, tracker)
        except DecodeError as error:
            _log.error("camera %s: tracks begin anew, since %s", self._camera, error)
            self._tracker = Tracker.numbering_from(self._camera, options, int(time.time()))
            memories = b""
        self._watching.load(memories)
