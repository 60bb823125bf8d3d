"""What is wrong with a live source that says nothing is wrong: silent, frozen, blank, late, fast.

The reading thread tells what came; the publishing thread, which no decoder can hold up, asks.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from ghostpose.errors import SourceError
from ingest.lateness import Lateness, Pace
from ingest.sources.protocol import BURST_SILENCE_S
from ingest.stillness import Stillness, is_blank

if TYPE_CHECKING:
    from ghostpose.config import CameraConfig
    from ghostpose.types import SkipReason
    from ingest.sources.protocol import Picture, SourceInfo

MAX_LATE_S: Final = 3.0
"""Pictures that come later than the quickest ones by so much are stale: skipped and counted."""

LATE_FOR_S: Final = 10.0
"""With nothing but stale pictures for so long a new connection is quicker than catching up."""

STRETCH_S: Final = 10.0
"""How long a source must be too fast: many send what they have kept when they are opened."""

MAX_SPEED: Final = 3.0
"""Media time may pass so many times faster than time; what is faster is no camera, or hangs."""

MAX_PICTURES_A_SECOND: Final = 500.0

SILENT_INTERVALS: Final = 3.0
"""A slow source is silent only after so many of its intervals."""

Wrong = Literal["silent", "damaged", "frozen", "late", "fast"]


class TroubleError(SourceError):
    """A live source must be opened again, for the reason `wrong`."""

    def __init__(self, message: str, wrong: Wrong) -> None:
        super().__init__(message)
        self.wrong: Wrong = wrong


@dataclass(frozen=True, slots=True)
class Seen:
    """What is to become of a picture: `skip` it, or pass it on as `late_s` seconds old."""

    skip: SkipReason | None = None
    late_s: float = 0.0


class Watchdog:
    """Watches one session of a live source; `stillness` is the camera's, over all sessions.

    Times are of one clock that only grows, in seconds. `by_arrival` is for a source whose own clock
    can't be trusted. By it nothing is late or too fast then, nor if pictures come in bursts.
    """

    def __init__(
        self,
        camera: CameraConfig,
        info: SourceInfo,
        stillness: Stillness,
        now_s: float,
        *,
        by_arrival: bool = False,
    ) -> None:
        self.by_arrival: Final = by_arrival
        self._untimed = by_arrival or info.bursts
        self._name, self._frozen_s = camera.name, camera.frozen_s
        self._silence_s = max(
            camera.silence_s,
            SILENT_INTERVALS * info.nominal_interval_s,
            BURST_SILENCE_S if info.bursts else 0.0,
        )
        self._stillness = stillness
        self._lateness, self._pace = Lateness(), Pace(STRETCH_S)
        self._opened_s = self._came_s = self._decoded_s = now_s
        self._late_since_s: float | None = None
        self._blank = self._frozen = False
        self._too_fast: str | None = None
        self._lock = threading.Lock()

    def came(self, now_s: float, *, decoded: bool) -> None:
        """Note that something came, and whether a picture could be made of it."""
        with self._lock:
            self._came_s = now_s
            if decoded:
                self._decoded_s = now_s

    def repeated(self, now_s: float) -> None:
        """Note that the source gave the same picture again, and knows it."""
        with self._lock:
            self._came_s = self._decoded_s = now_s
            self._stillness.again(now_s)
            self._frozen = self._is_frozen()

    def timed(self, now_s: float, media_time: float) -> Seen:
        """Judge a picture by its times alone, which costs nothing; each one must be shown."""
        with self._lock:
            if self._pace.saw(now_s, media_time):
                self._too_fast = self._why_too_fast()
            if self._untimed:
                return Seen()
            late_s = self._lateness.of(now_s, media_time)
            if late_s <= MAX_LATE_S:
                self._late_since_s = None
                return Seen(None, late_s)
            self._late_since_s = now_s if self._late_since_s is None else self._late_since_s
            return Seen("stale", late_s)

    def looked_at(self, now_s: float, picture: Picture) -> SkipReason | None:
        """Judge a picture that is to be used by what it shows."""
        sample = picture.sample()
        with self._lock:
            self._stillness.look(sample, now_s)
            self._blank, self._frozen = is_blank(sample), self._is_frozen()
            if self._blank or self._frozen:
                return "blank" if self._blank else "frozen"
            return None

    @property
    def frozen(self) -> bool:
        """Whether what comes has been the same for so long that none of it is passed on."""
        with self._lock:
            return self._frozen

    def trouble(self, now_s: float) -> TroubleError | None:
        """Return why the source must be opened again, None if it needn't be."""
        with self._lock:
            found = self._find(now_s)
        return None if found is None else TroubleError(f"camera {self._name}: {found[1]}", found[0])

    def _find(self, now_s: float) -> tuple[Wrong, str] | None:
        if (silent_s := now_s - self._came_s) > self._silence_s:
            return "silent", f"nothing came for {silent_s:.0f} s"
        if (damaged_s := now_s - self._decoded_s) > self._silence_s:
            return "damaged", f"no whole picture came for {damaged_s:.0f} s, only damaged ones"
        if self._frozen and now_s - self._opened_s > self._frozen_s:
            what = "only blank pictures" if self._blank else "the same picture"
            return "frozen", f"{what} came for {self._stillness.length_s:.0f} s"
        if self._late_since_s is not None and now_s - self._late_since_s > LATE_FOR_S:
            return "late", f"all pictures came over {MAX_LATE_S:g} s late for {LATE_FOR_S:.0f} s"
        return None if self._too_fast is None else ("fast", self._too_fast)

    def _is_frozen(self) -> bool:
        return 0 < self._frozen_s <= self._stillness.length_s

    def _why_too_fast(self) -> str | None:
        pace = self._pace
        if pace.pictures_a_second > MAX_PICTURES_A_SECOND:
            return f"{pace.pictures_a_second:.0f} pictures came each second: no camera does that"
        if pace.media_a_second > MAX_SPEED and not self._untimed:
            return f"pictures came {pace.media_a_second:.1f} times faster than their own clock"
        return None
