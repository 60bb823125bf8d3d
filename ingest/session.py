"""One session: everything a source gives, published in order, and the session's end."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from ghostpose.bus import Full
from ghostpose.codec.images import encode_picture
from ghostpose.errors import BusFullError, BusUnavailableError, SourceError
from ghostpose.types import FrameInfo
from ingest.handoff import Handoff
from ingest.opening import StuckError
from ingest.prepare import plan_for, prepare
from ingest.reader import JOIN_S, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.bus import FramePublisher
    from ghostpose.codec.camera_state import CameraStatus
    from ghostpose.config import CameraConfig
    from ghostpose.types import EncodedPicture
    from ingest.backoff import Patience
    from ingest.counters import Counters
    from ingest.prepare import Plan
    from ingest.previews import Previews
    from ingest.reader import ReadFrame
    from ingest.sources import Source
    from ingest.watchdog import TroubleError, Watchdog

POLL_S: Final = 0.25
"""How soon a waiting session notices that it is to stop."""

LOOK_AGAIN_S: Final = 2.0
"""A session that waits for credit asks again after this time: a server that lost its memory would
never say that there is some."""

_log = logging.getLogger("ingest.Session")


class Session:
    """Publishes what one opened source gives, through one publisher with an open session.

    `now_s` is the wall clock in Unix seconds that live frames are captured by; `previews` is
    offered every frame that was published. A live source has a `watchdog`, which says when it must
    be opened again. For `tell` see `Reader`.
    """

    def __init__(
        self,
        camera: CameraConfig,
        source: Source,
        publisher: FramePublisher,
        counters: Counters,
        patience: Patience,
        now_s: Callable[[], float] = time.time,
        previews: Previews | None = None,
        watchdog: Watchdog | None = None,
        tell: Callable[[CameraStatus], None] = lambda _: None,
    ) -> None:
        self._camera, self._publisher, self._counters = camera, publisher, counters
        self._patience, self._stop = patience, patience.stop
        self._previews, self._watchdog = previews, watchdog
        self._trouble: TroubleError | None = None
        self._join_s = JOIN_S if source.info.live else None
        self._handoff: Handoff[ReadFrame] = Handoff(camera.policy)
        self._reader = Reader(camera, source, self._handoff, counters, now_s, watchdog, tell)
        self._unprepared = 0
        self._full: Full | None = None
        """Set while the camera has no credit: then no picture is prepared and sent in vain."""
        self._resumed_at = publisher.next_seq
        """Frames that a former process published: read again, for the counts, but not sent."""
        self._plans: dict[tuple[int, int], Plan] = {}
        self._planned_by = camera

    def adopt(self, camera: CameraConfig) -> None:
        """Play by these settings from the next picture on; callable from any thread."""
        self._camera = camera
        self._reader.keep_rate(camera.fps)

    def play(self) -> None:
        """Publish until the source ends or `stop` is set; then publish the session's end.

        Closes the source in any case.

        Raises:
            SourceError: the source broke; the session was ended in order before.
            StuckError: so it did, and its decoder hangs: this process can't get rid of it.
            StaleSessionError, SessionLostError: the session is no longer ours to end.
            BusUnavailableError: the server stayed away for too long.
        """
        came_back = True
        self._reader.start()
        try:
            problem = self._publish_all()
        finally:
            came_back = self._reader.stop(self._join_s)
        self._end()
        if not (came_back or self._stop.is_set()):
            raise StuckError(f"{problem}, and its decoder hangs: its process is replaced")
        problem = self._reader.error or problem
        if problem is not None:
            raise problem

    def _publish_all(self) -> Exception | None:
        """Publish until there is nothing more; return what is wrong with the source, if so."""
        while not (self._is_over() or self._handoff.drained):
            frame = self._handoff.take(POLL_S)
            try:
                if frame is not None:
                    self._publish(frame)
            except SourceError as error:
                self._counters.count_skipped("decode")
                return error
        return self._trouble

    def _is_over(self) -> bool:
        """Whether this session is to end before its source does."""
        if self._watchdog is not None and self._trouble is None:
            self._trouble = self._watchdog.trouble(time.monotonic())
        return self._trouble is not None or self._stop.is_set()

    def _publish(self, frame: ReadFrame) -> None:
        """Publish `frame`, or under `latest` a newer one that came while there was no credit."""
        ready = None
        while True:
            if self._full is not None:
                if not self._wait_for_credit(self._full):
                    self._counters.count_skipped("shutdown")
                    return
                self._full = None
                newer = self._handoff.take(0) if self._camera.policy == "latest" else None
                if newer is not None:
                    self._counters.count_skipped("overwritten")
                    frame, ready = newer, None
            ready = ready or self._try_prepare(frame)
            if ready is None or self._send(*ready):
                return

    def _try_prepare(self, frame: ReadFrame) -> tuple[FrameInfo, EncodedPicture] | None:
        """Prepare; None: this picture can't be converted or encoded, and counts as skipped.

        Raises:
            SourceError: pictures of this size don't suit what the camera is to do.
        """
        try:
            return self._prepare(frame)
        except SourceError:
            raise
        except Exception as error:  # of PyAV, OpenCV, NumPy: one picture must not end a camera
            level = logging.DEBUG if self._unprepared else logging.WARNING
            _log.log(level, "camera %s: a picture can't be used: %s", self._camera.name, error)
            self._unprepared += 1
            self._counters.count_skipped("decode")
            return None

    def _prepare(self, frame: ReadFrame) -> tuple[FrameInfo, EncodedPicture]:
        """Crop, resize, encode: the part that frames which are skipped never cost."""
        began, camera = time.perf_counter(), self._camera
        width, height = frame.picture.width, frame.picture.height
        plan = self._plan(camera, width, height)
        image_hw3 = prepare(frame.picture, plan)
        prepared = time.perf_counter()
        picture = encode_picture(image_hw3, camera.picture, camera.quality)
        info = FrameInfo(
            captured_at=frame.captured_at,
            media_time=frame.media_time,
            width=width,
            height=height,
            placement=plan.placement,
            max_age_ms=camera.max_age_ms,
            decode_ms=frame.decode_ms + 1000.0 * (prepared - began),
            encode_ms=1000.0 * (time.perf_counter() - prepared),
            keep_picture=camera.keeps_pictures,
        )
        return info, picture

    def _plan(self, camera: CameraConfig, width: int, height: int) -> Plan:
        """Plan anew when the source's pictures change their size, or the settings change."""
        if camera is not self._planned_by:
            self._plans, self._planned_by = {}, camera
        if (width, height) not in self._plans:
            self._plans[width, height] = plan_for(camera, width, height)
        return self._plans[width, height]

    def _send(self, info: FrameInfo, picture: EncodedPicture) -> bool:
        """Publish, and count what became of the frame; False: there was no credit for it."""
        if self._counters.tally().published < self._resumed_at:
            self._counters.count_published()
            return True
        try:
            answer = self._patience.call(
                lambda: self._publisher.publish(info, picture),
                wait_when_full=self._camera.policy == "every",
            )
        except BusFullError:
            self._counters.count_skipped("shutdown" if self._stop.is_set() else "full")
            return True
        if isinstance(answer, Full):
            self._full = answer
            return False
        self._full = answer.full
        self._counters.count_published()
        if self._previews is not None:
            self._previews.offer(self._publisher.session, answer, info, picture)
        return True

    def _wait_for_credit(self, full: Full) -> bool:
        """Wait for a commit of this camera, without a timer; False: it is time to stop."""
        until = time.monotonic() + LOOK_AGAIN_S
        while True:
            try:
                committed = self._publisher.wait_for_credit(full, POLL_S)
            except BusUnavailableError:
                return True  # publishing waits until the server is back
            if committed or time.monotonic() > until:
                return True
            if self._is_over() or (self._watchdog is not None and self._handoff.finished):
                return False

    def _end(self) -> None:
        self._count_what_was_not_read_again()
        tally = self._counters.tally()
        self._patience.call(
            lambda: self._publisher.end(
                frames_read=tally.read, skipped=tally.skipped, clock_repairs=tally.clock_repairs
            ),
            wait_when_full=True,
        )
        _log.info(
            "camera %s: session %d ended: %d frames read, %d published, skipped %s",
            self._camera.name, self._publisher.session, tally.read, tally.published,
            dict(tally.skipped),
        )  # fmt: skip

    def _count_what_was_not_read_again(self) -> None:
        """Count frames of a former process that this one, asked to stop, did not come to."""
        for _ in range(self._resumed_at - self._counters.tally().published):
            self._counters.count_read()
            self._counters.count_published()
