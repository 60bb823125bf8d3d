"""The thread that reads one source: decodes, repairs times, keeps the rate, paces, hands over."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ghostpose.errors import GhostposeError
from ingest.clock import MAX_LIVE_STEP_S, MAX_STEP_S, MediaClock, recording_start
from ingest.policy import Offer
from ingest.rate import RateLimit
from ingest.sources.protocol import (
    Item,
    NoPicture,
    NothingYet,
    Picture,
    Repeated,
    SparingSource,
    Undecodable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.codec.camera_state import CameraStatus
    from ghostpose.config import CameraConfig
    from ghostpose.types import SkipReason
    from ingest.counters import Counters
    from ingest.handoff import Handoff
    from ingest.sources.protocol import Source, SourceInfo
    from ingest.watchdog import Watchdog

JOIN_S: Final = 2.0
"""How long a reading thread that is to stop is waited for: longer than decoding any picture."""

MAX_AHEAD_S: Final = 15.0
"""How far pictures that come in bursts may lie ahead of the time they are played at."""


@dataclass(frozen=True, slots=True)
class ReadFrame:
    """A decoded picture with its times. `decode_ms` is what decoding took."""

    picture: Picture
    media_time: float
    captured_at: float
    decode_ms: float


class Reader:
    """Reads a source to its end in a thread of its own, so that decoding and publishing overlap.

    Under `latest` a recording is played in real time, as if it were a camera: its frames count as
    captured when they come, by `now_s`. Under `every` it is read as fast as frames are taken, and
    its frames were captured at the recording's start plus media time. Live sources have a
    `watchdog`, which may say that media time is that of arrival; `tell` hears of each picture
    whether the camera is `playing` or `frozen` by it.
    """

    def __init__(
        self,
        camera: CameraConfig,
        source: Source,
        handoff: Handoff[ReadFrame],
        counters: Counters,
        now_s: Callable[[], float] = time.time,
        watchdog: Watchdog | None = None,
        tell: Callable[[CameraStatus], None] = lambda _: None,
    ) -> None:
        self._camera, self._source, self._now_s = camera, source, now_s
        self._handoff, self._counters = handoff, counters
        self._watchdog, self._tell = watchdog, tell
        self._began_s = time.monotonic()
        self._clock = _clock_for(source.info)
        self._rate = RateLimit(camera.fps, source.info.nominal_interval_s)
        info = source.info
        self._paced = info.bursts or (camera.policy == "latest" and not info.live)
        # What a live source takes is mostly waiting for it: only this thread's work is decoding.
        self._decoding_s = time.thread_time if info.live else time.perf_counter
        self._origin: _Origin | None = None
        self._stop = threading.Event()
        # A thread that hangs in a decoder must not keep the process alive.
        self._thread = threading.Thread(
            target=self._run, name=f"reader of {camera.name}", daemon=True
        )
        self._log = logging.getLogger("ingest.Reader")
        self.error: Exception | None = None

    def keep_rate(self, fps: float | None) -> None:
        """Pass at most so many pictures a second on from now on; callable from any thread."""
        if isinstance(self._source, SparingSource):
            self._source.spare(fps)
        if fps != self._rate.fps:
            self._rate = RateLimit(fps, self._source.info.nominal_interval_s)

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def stop(self, join_s: float | None = None) -> bool:
        """Stop reading after the frame that is being decoded; wait for it, then close the source.

        What was handed over and not taken counts as skipped: `shutdown`. False: the thread hangs
        for `join_s`, and is left behind with its source.
        """
        self._stop.set()
        self._counters.count_skipped("shutdown", self._handoff.close())
        self._thread.join(join_s)
        if self._thread.is_alive():
            self._counters.close()
            return False
        self._source.close()
        return True

    def _run(self) -> None:
        try:
            self._read_all()
        except GhostposeError as error:
            self.error = error
        except Exception as error:  # a decoder's surprise must end this session, not hang it
            self._log.exception("camera %s: reading failed", self._camera.name)
            self.error = error
        finally:
            self._handoff.finish()

    def _read_all(self) -> None:
        items = self._source.pictures()
        while not self._stop.is_set():
            began_s = self._decoding_s()
            item = next(items, None)
            if item is None:
                return
            if isinstance(item, NothingYet):
                continue
            self._counters.count_read()
            skip = self._take(item, 1000.0 * (self._decoding_s() - began_s))
            if skip is not None:
                self._counters.count_skipped(skip)

    def _take(self, item: Item, decode_ms: float) -> SkipReason | None:
        """Pass an item on; return why not, if it isn't."""
        watchdog, now_s = self._watchdog, time.monotonic()
        if watchdog is not None:
            watchdog.came(now_s, decoded=not isinstance(item, Undecodable))
        if isinstance(item, Undecodable):
            self._log.debug("camera %s: a frame is lost: %s", self._camera.name, item.reason)
            return "decode"
        if isinstance(item, Repeated):
            if watchdog is not None:
                watchdog.repeated(now_s)
                self._tell_frozen(watchdog)
            return "frozen"
        if isinstance(item, NoPicture):
            return "rate"
        self._counters.count_decoded()
        return self._pass_on(item, now_s, decode_ms)

    def _pass_on(self, picture: Picture, now_s: float, decode_ms: float) -> SkipReason | None:
        """Repair a picture's time, judge it, and hand it over; return why not, if it isn't."""
        watchdog, late_s = self._watchdog, 0.0
        by_arrival = watchdog is not None and watchdog.by_arrival
        media_time = self._clock.read(now_s - self._began_s if by_arrival else picture.media_time)
        self._counters.set_clock_repairs(self._clock.repairs)
        if watchdog is not None:
            seen = watchdog.timed(now_s, media_time)
            if seen.skip is not None:
                return seen.skip
            late_s = seen.late_s
        if not self._rate.admit(media_time):
            return "rate"
        if watchdog is not None and (nothing_new := watchdog.looked_at(now_s, picture)) is not None:
            self._tell_frozen(watchdog)
            return nothing_new
        self._tell("playing")
        captured_at = self._captured_at(media_time, late_s)
        if captured_at is None:
            return "shutdown"
        offer = self._handoff.put(ReadFrame(picture, media_time, captured_at, decode_ms))
        if offer is Offer.OVERWROTE:
            return "overwritten"
        return "shutdown" if offer is Offer.NO_ROOM else None

    def _tell_frozen(self, watchdog: Watchdog) -> None:
        if watchdog.frozen:
            self._tell("frozen")

    def _captured_at(self, media_time: float, late_s: float) -> float | None:
        """Return the frame's capture time, waiting for it when playing as live; None: stopped."""
        if self._source.info.live and not self._paced:
            return self._now_s() - late_s
        if self._origin is None:
            known = _known_start(self._camera, self._source)
            start = recording_start(media_time, time.time(), known)
            self._origin = _Origin(media_time, time.monotonic(), start)
        if not self._paced:
            return self._origin.recording_start + media_time
        wait_s = self._origin.monotonic_s + media_time - self._origin.media_time - time.monotonic()
        if self._source.info.bursts:
            wait_s = self._kept_near(wait_s)
        return None if wait_s > 0 and self._stop.wait(wait_s) else self._now_s()

    def _kept_near(self, wait_s: float) -> float:
        """Move the origin if the stream has fallen behind it, or runs too far ahead of it."""
        assert self._origin is not None
        moved_s = -wait_s if wait_s < 0 else min(0.0, MAX_AHEAD_S - wait_s)
        self._origin = replace(self._origin, monotonic_s=self._origin.monotonic_s + moved_s)
        return wait_s + moved_s


@dataclass(frozen=True, slots=True)
class _Origin:
    """The first frame of a recording: its media time, when it came, and when time 0 was."""

    media_time: float
    monotonic_s: float
    recording_start: float


def _clock_for(info: SourceInfo) -> MediaClock:
    interval_s = info.nominal_interval_s
    return MediaClock(interval_s, max(MAX_LIVE_STEP_S, 3 * interval_s) if info.live else MAX_STEP_S)


def _known_start(camera: CameraConfig, source: Source) -> float | None:
    return source.info.recorded_at if camera.recorded_at is None else camera.recorded_at.timestamp()
