"""Pictures that may be shown: people hidden in them as the camera's privacy mode says.

Whoever is to be hidden is known from poses, so this is as good as the network that found them: who
was not found is not hidden by the blurring modes. `skeleton` shows no pixel of the picture at all.

What is hidden becomes a mosaic whose cells are half a head wide, so that a face is four cells: the
detail is not smoothed but gone. Areas are generous: a head is that of the largest measure which the
person's key points give, since people turn sideways and key points are missed.

Shape legend: h, w rows and columns; k key points; 3 = x, y, score; images are uint8 BGR (h, w, 3).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from ghostpose.drawing import draw_people
from ghostpose.skeleton import KEYPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ghostpose.types import ByteArray, FloatArray, Person, Placement, PoseMessage, PrivacyMode

HOLD_S: Final = 2.0
"""Whoever was found so shortly before or after is hidden there too: the network misses people for
moments."""

CELL_HEADS: Final = 0.5
"""A mosaic's cells are so many heads wide: a face becomes two by two of them."""

HEAD_MARGIN: Final = 0.8
"""Heads around the outermost key point of a face that are hidden with it: hair, chin, a turn."""

SHOULDER_MARGIN: Final = 1.6
"""The same around neck and shoulders where no face was found, and more upwards: the size of a head
that is known from the body alone may be larger."""

BODY_MARGIN: Final = 0.8
"""Heads around the outermost key point of a body that are hidden with it: hands, feet, clothes."""

BODY_HEADS: Final = 8.0
"""A grown person is seven to eight heads tall: how far down a body is hidden whose feet are not
found."""

_HEADS_BETWEEN: Final = (
    ("right_ear", "left_ear", 0.65),
    ("right_eye", "left_eye", 0.27),
    ("nose", "neck", 0.8),
    ("right_shoulder", "left_shoulder", 1.7),
    ("neck", "right_hip", 2.4),
    ("neck", "left_hip", 2.4),
)
"""Two key points and how many heads they are apart on a grown person seen from where that distance
is largest."""

_BOX_HEADS: Final = 7.5
_FACE: Final = tuple(
    KEYPOINTS.index(name) for name in ("nose", "right_eye", "left_eye", "right_ear", "left_ear")
)
_SHOULDERS: Final = tuple(
    KEYPOINTS.index(name) for name in ("neck", "right_shoulder", "left_shoulder")
)
_ANKLES: Final = tuple(KEYPOINTS.index(name) for name in ("right_ankle", "left_ankle"))

Area = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels; may reach out of the picture."""


def masked(
    image_hw3: ByteArray, mode: PrivacyMode, people: Sequence[Person], hidden: Sequence[Person]
) -> ByteArray:
    """Return the picture as `mode` allows it to be shown; under `none` it is the same.

    `people` are those of this picture, drawn by `skeleton`; `hidden` those to be hidden by the
    blurring modes (`RecentPeople` has them); both in pixels of this picture.
    """
    if mode == "none":
        return image_hw3
    if mode == "skeleton":
        return draw_people(np.zeros_like(image_hw3), people, labels=False)
    shown_hw3 = np.ascontiguousarray(image_hw3).copy()
    area_of = head_area if mode == "blur_faces" else body_area
    for person in hidden:
        _make_mosaic(shown_hw3, area_of(person), CELL_HEADS * head_px(person))
    return shown_hw3


def head_px(person: Person) -> float:
    """Return the height of a person's head in pixels: the largest that the key points give."""
    points_k3 = person.keypoints_k3
    lengths = [max(person.box[2:]) / _BOX_HEADS]
    for start, end, heads in _HEADS_BETWEEN:
        start_3, end_3 = points_k3[KEYPOINTS.index(start)], points_k3[KEYPOINTS.index(end)]
        if start_3[2] > 0 and end_3[2] > 0:
            lengths.append(math.dist(start_3[:2], end_3[:2]) / heads)
    return max(1.0, *lengths)


def head_area(person: Person) -> Area:
    """Return where a person's head is: around the face, above the shoulders, else the body."""
    head = head_px(person)
    face_n2, shoulders_n2 = _found(person, _FACE), _found(person, _SHOULDERS)
    if len(face_n2):
        return _around(face_n2, HEAD_MARGIN * head)
    if len(shoulders_n2):
        left, top, right, bottom = _around(shoulders_n2, SHOULDER_MARGIN * head)
        return left, top - HEAD_MARGIN * head, right, bottom
    return body_area(person)


def body_area(person: Person) -> Area:
    """Return where a person is: around all key points, with a head and feet if none were found."""
    head = head_px(person)
    points_n2 = person.keypoints_k3[person.keypoints_k3[:, 2] > 0, :2]
    if not len(points_n2):
        left, top, width, height = person.box
        points_n2 = np.array([(left, top), (left + width, top + height)], np.float32)
    left, top, right, bottom = _around(points_n2, BODY_MARGIN * head)
    if not len(_found(person, _FACE)):
        top -= SHOULDER_MARGIN * head
    if not len(_found(person, _ANKLES)):
        bottom = max(bottom, top + BODY_HEADS * head)
    return left, top, right, bottom


def moved(people: Iterable[Person], placement: Placement) -> list[Person]:
    """Return people of a source picture in pixels of the picture that `placement` puts into it."""
    scale_2 = np.array([placement.scale_x, placement.scale_y], np.float32)
    offset_2 = np.array([placement.left, placement.top], np.float32)
    return [_moved(person, scale_2, offset_2) for person in people]


@dataclass(slots=True)
class RecentPeople:
    """One camera's newest pose messages: they tell of people whom a picture's own message lacks."""

    hold_s: float = HOLD_S
    _messages: deque[PoseMessage] = field(default_factory=deque)

    def add(self, message: PoseMessage) -> None:
        """Take in a camera's next pose message; a new session begins anew."""
        if self._messages and self._messages[-1].session != message.session:
            self._messages.clear()
        self._messages.append(message)
        while self._messages[0].media_time < message.media_time - 2 * self.hold_s:
            self._messages.popleft()

    def of(self, session: int, seq: int) -> PoseMessage | None:
        """Return the message of one frame, if it was taken in and isn't too old."""
        return next((m for m in self._messages if (m.session, m.seq) == (session, seq)), None)

    def around(self, message: PoseMessage) -> list[Person]:
        """Return a message's people, and whoever it lacks where they were found within `hold_s`.

        Those are taken as they were at the moment nearest to the message, before it or after.
        """
        people, known = list(message.people), {person.track for person in message.people}
        for other in sorted(self._messages, key=lambda m: abs(m.media_time - message.media_time)):
            if abs(other.media_time - message.media_time) > self.hold_s or other is message:
                continue
            for person in other.people:
                if person.track is None or person.track not in known:
                    people.append(person)
                    known.add(person.track)
        return people


def _found(person: Person, which: Sequence[int]) -> FloatArray:
    """Return x, y of those of the key points that were found: (n, 2)."""
    points_n3 = person.keypoints_k3[list(which)]
    return points_n3[points_n3[:, 2] > 0, :2]


def _around(points_n2: FloatArray, margin_px: float) -> Area:
    (left, top), (right, bottom) = points_n2.min(axis=0), points_n2.max(axis=0)
    return (
        float(left) - margin_px,
        float(top) - margin_px,
        float(right) + margin_px,
        float(bottom) + margin_px,
    )


def _moved(person: Person, scale_2: FloatArray, offset_2: FloatArray) -> Person:
    points_k3 = person.keypoints_k3.copy()
    found = points_k3[:, 2] > 0
    # The inverse of Placement.to_source.
    points_k3[found, :2] = (points_k3[found, :2] + 0.5 - offset_2) / scale_2 - 0.5
    left, top = (np.array(person.box[:2], np.float32) + 0.5 - offset_2) / scale_2 - 0.5
    width, height = np.array(person.box[2:], np.float32) / scale_2
    box = (float(left), float(top), float(width), float(height))
    return replace(person, keypoints_k3=points_k3, box=box)


def _make_mosaic(image_hw3: ByteArray, area: Area, cell_px: float) -> None:
    """Put an area of the picture into cells of about `cell_px`, in place."""
    height, width = image_hw3.shape[:2]
    left, right = (min(max(edge, 0), width) for edge in (math.floor(area[0]), math.ceil(area[2])))
    top, bottom = (min(max(edge, 0), height) for edge in (math.floor(area[1]), math.ceil(area[3])))
    if left >= right or top >= bottom:
        return
    size = (right - left, bottom - top)
    cells = tuple(max(1, math.floor(side / max(cell_px, 2.0))) for side in size)
    part_hw3 = image_hw3[top:bottom, left:right]
    small_hw3 = cv2.resize(part_hw3, cells, interpolation=cv2.INTER_AREA)
    part_hw3[:] = cv2.resize(small_hw3, size, interpolation=cv2.INTER_NEAREST)
