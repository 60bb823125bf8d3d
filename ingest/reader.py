"""The thread that reads one source: decodes, repairs times, keeps the rate, paces, hands over."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghostpose.errors import GhostposeError
from ingest.clock import MediaClock, recording_start
from ingest.policy import Offer
from ingest.rate import RateLimit
from ingest.sources.protocol import Picture, Undecodable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.config import CameraConfig
    from ingest.counters import Counters
    from ingest.handoff import Handoff
    from ingest.sources.protocol import Source


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
    its frames were captured at the recording's start plus media time.
    """

    def __init__(
        self,
        camera: CameraConfig,
        source: Source,
        handoff: Handoff[ReadFrame],
        counters: Counters,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._camera, self._source, self._now_s = camera, source, now_s
        self._handoff, self._counters = handoff, counters
        self._clock = MediaClock(source.info.nominal_interval_s)
        self._rate = RateLimit(camera.fps, source.info.nominal_interval_s)
        self._replays_as_live = camera.policy == "latest" and not source.info.live
        self._origin: _Origin | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader of {camera.name}")
        self._log = logging.getLogger("ingest.Reader")
        self.error: Exception | None = None

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading after the frame that is being decoded; wait for it, then close the source.

        What was handed over and not taken counts as skipped: `shutdown`.
        """
        self._stop.set()
        self._counters.count_skipped("shutdown", self._handoff.close())
        self._thread.join()
        self._source.close()

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
            began = time.perf_counter()
            item = next(items, None)
            if item is None:
                return
            self._counters.count_read()
            if isinstance(item, Undecodable):
                self._counters.count_skipped("decode")
                self._log.debug("camera %s: a frame is lost: %s", self._camera.name, item.reason)
            else:
                self._pass_on(item, 1000.0 * (time.perf_counter() - began))

    def _pass_on(self, picture: Picture, decode_ms: float) -> None:
        media_time = self._clock.read(picture.media_time)
        self._counters.set_clock_repairs(self._clock.repairs)
        if not self._rate.admit(media_time):
            self._counters.count_skipped("rate")
            return
        captured_at = self._captured_at(media_time)
        if captured_at is None:
            self._counters.count_skipped("shutdown")
            return
        offer = self._handoff.put(ReadFrame(picture, media_time, captured_at, decode_ms))
        if offer is Offer.OVERWROTE:
            self._counters.count_skipped("overwritten")
        elif offer is Offer.NO_ROOM:
            self._counters.count_skipped("shutdown")

    def _captured_at(self, media_time: float) -> float | None:
        """Return the frame's capture time, waiting for it when playing as live; None: stopped."""
        if self._source.info.live:
            return self._now_s()
        if self._origin is None:
            known = _known_start(self._camera, self._source)
            start = recording_start(media_time, time.time(), known)
            self._origin = _Origin(media_time, time.monotonic(), start)
        if not self._replays_as_live:
            return self._origin.recording_start + media_time
        due = self._origin.monotonic_s + media_time - self._origin.media_time
        wait_s = due - time.monotonic()
        return None if wait_s > 0 and self._stop.wait(wait_s) else self._now_s()


@dataclass(frozen=True, slots=True)
class _Origin:
    """The first frame of a recording: its media time, when it came, and when time 0 was."""

    media_time: float
    monotonic_s: float
    recording_start: float


def _known_start(camera: CameraConfig, source: Source) -> float | None:
    return source.info.recorded_at if camera.recorded_at is None else camera.recorded_at.timestamp()
