"""Small pictures of a camera while somebody looks: masked here, before any of them leaves ingest.

A preview that hides people waits for its own frame's pose message, which says where they are in
just this picture. If that doesn't come (inference is away or slow, the frame became a gap) there is
no preview: a picture that isn't known is never shown.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import cv2
import numpy as np

from ghostpose.bus.previews import OwnPoses, publish_preview
from ghostpose.codec.images import decode_picture, encode_picture
from ghostpose.codec.preview import Preview
from ghostpose.masking import HOLD_S, RecentPeople, masked, moved
from ghostpose.types import Placement

if TYPE_CHECKING:
    from ghostpose.bus import Bus, Published
    from ghostpose.config import CameraConfig
    from ghostpose.types import ByteArray, EncodedPicture, FrameInfo, Person, PrivacyMode

INTERVAL_S: Final = 0.2
"""At most one preview in so many seconds is made, however many look."""

WIDTH_PX: Final = 480
"""Previews are at most so wide: enough to see what a camera looks at."""

QUALITY: Final = 75
"""JPEG quality: some 20 KB."""

WAIT_FOR_POSES_S: Final = 5.0
"""A frame whose pose message takes longer has no preview."""

POLL_S: Final = 0.25

_log = logging.getLogger("ingest.Previews")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A published frame that may become a preview."""

    session: int
    published: Published
    info: FrameInfo
    picture: EncodedPicture


class Previews:
    """Makes one camera's previews in a thread of its own, so that publishing never waits for it.

    The thread starts with the first preview that is wanted. A camera whose `pixels` is `never` has
    none.
    """

    def __init__(self, bus: Bus, camera: CameraConfig) -> None:
        self._bus, self._camera = bus, camera
        self._changed = threading.Condition()
        self._candidate: _Candidate | None = None
        self._stopping = False
        self._due_s = float("-inf")
        self._thread: threading.Thread | None = None
        self._poses: OwnPoses | None = None
        self._recent = RecentPeople()
        self._failing = False

    def offer(
        self, session: int, published: Published, info: FrameInfo, picture: EncodedPicture
    ) -> None:
        """Take a published frame if a preview is wanted and due; costs nothing else."""
        if not published.preview_wanted or self._camera.pixels == "never":
            return
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        self._due_s = now_s + INTERVAL_S
        with self._changed:
            self._candidate = _Candidate(session, published, info, picture)
            self._changed.notify()
        if self._thread is None:
            name = f"previews of {self._camera.name}"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop making previews; wait for the one in hand."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while (candidate := self._next()) is not None:
            try:
                self._make(candidate)
            except Exception as error:  # OpenCV's too: one picture must not end all previews
                level = logging.DEBUG if self._failing else logging.WARNING
                _log.log(level, "camera %s: no preview: %s", self._camera.name, error)
                self._failing = True
            else:
                self._failing = False

    def _next(self) -> _Candidate | None:
        with self._changed:
            self._changed.wait_for(lambda: self._candidate is not None or self._stopping)
            candidate, self._candidate = self._candidate, None
            return None if self._stopping else candidate

    def _make(self, candidate: _Candidate) -> None:
        people: list[Person] = []
        hidden: list[Person] = []
        if self._camera.privacy != "none":
            found = self._people(candidate)
            if found is None:
                return
            people, hidden = found
        publish_preview(
            self._bus, _preview(self._camera.name, self._camera.privacy, candidate, people, hidden)
        )

    def _people(self, candidate: _Candidate) -> tuple[list[Person], list[Person]] | None:
        """Wait for the frame's pose message; return its people, and those to hide."""
        since_ms = round(candidate.published.at_ms - 1000 * HOLD_S)
        if self._poses is None or self._poses.position_ms < since_ms:
            self._poses = OwnPoses(self._bus, self._camera.name, since_ms)
        deadline_s = time.monotonic() + WAIT_FOR_POSES_S
        while not self._stopping and time.monotonic() < deadline_s:
            message = self._recent.of(candidate.session, candidate.published.seq)
            if message is not None:
                return list(message.people), self._recent.around(message)
            for message in self._poses.read(POLL_S):
                self._recent.add(message)
        return None


def _preview(
    camera: str,
    privacy: PrivacyMode,
    candidate: _Candidate,
    people: list[Person],
    hidden: list[Person],
) -> Preview:
    """Make the small picture, masked, with where it lies in the source picture."""
    info, image_hw3 = candidate.info, _small(decode_picture(candidate.picture))
    height, width = image_hw3.shape[:2]
    placement = Placement(
        info.placement.scale_x * candidate.picture.width / width,
        info.placement.scale_y * candidate.picture.height / height,
        info.placement.left,
        info.placement.top,
    )
    shown_hw3 = masked(image_hw3, privacy, moved(people, placement), moved(hidden, placement))
    return Preview(
        camera=camera,
        session=candidate.session,
        seq=candidate.published.seq,
        captured_at=info.captured_at,
        media_time=info.media_time,
        source_width=info.width,
        source_height=info.height,
        placement=placement,
        privacy=privacy,
        width=width,
        height=height,
        jpeg=encode_picture(shown_hw3, quality=QUALITY).data,
    )


def _small(image_hw3: ByteArray) -> ByteArray:
    height, width = image_hw3.shape[:2]
    if width <= WIDTH_PX:
        return image_hw3
    size = (WIDTH_PX, max(1, round(height * WIDTH_PX / width)))
    return cv2.resize(image_hw3, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
