"""A camera's pictures and the poses of just these pictures, brought together by session and seq.

A picture is there before its pose message, by as much as inference takes. It waits for it: poses of
another moment are never drawn over it. If none comes it is shown without.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ghostpose.client import PoseRecord
    from ghostpose.codec.preview import Preview

PATIENCE_S: Final = 3.0
"""How long a picture waits for its poses."""

MAX_WAITING: Final = 32
"""Pictures that wait at most: more than come within `PATIENCE_S`."""

MAX_POSES: Final = 128
"""Pose messages kept for pictures that are read after them."""

Frame = tuple[int, int]
"""Session and seq."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture to show, and the pose message of the same frame; None: there is none (yet)."""

    preview: Preview
    pose: PoseRecord | None


class Pairing:
    """Brings one camera's pictures and poses together. Pictures come in the order of time."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Frame, tuple[Preview, float]] = OrderedDict()
        self._poses: OrderedDict[Frame, PoseRecord] = OrderedDict()
        self._newest: Frame = (-1, -1)
        self._shown: Frame = (-1, -1)

    def add_picture(self, preview: Preview, now_s: float) -> None:
        """Take a picture in; the same one again, or an older one, is passed over."""
        frame = (preview.session, preview.seq)
        if frame <= self._newest:
            return
        self._newest = frame
        self._waiting[frame] = (preview, now_s)
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popitem(last=False)

    def add_pose(self, record: PoseRecord) -> None:
        """Take a pose message in."""
        self._poses[record.message.session, record.message.seq] = record
        while len(self._poses) > MAX_POSES:
            self._poses.popitem(last=False)

    def add_gap(self, session: int, seq: int) -> None:
        """Learn that a frame has no pose message: its picture is not shown."""
        self._waiting.pop((session, seq), None)

    def take(self, now_s: float) -> Shown | None:
        """Return the newest picture that can be shown now and was not; older ones are dropped."""
        for frame in reversed(self._waiting):
            preview, since_s = self._waiting[frame]
            pose = self._poses.get(frame)
            if pose is not None or now_s - since_s >= PATIENCE_S:
                self._forget_up_to(frame)
                return Shown(preview, pose)
        return None

    def _forget_up_to(self, frame: Frame) -> None:
        for other in [other for other in self._waiting if other <= frame]:
            del self._waiting[other]
        for other in [other for other in self._poses if other <= frame]:
            del self._poses[other]
