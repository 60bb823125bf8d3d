"""Made people for rules: standing, lying, hands up; and clips of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from jsonschema import Draft7Validator

from ghostpose.codec.poses import encode_event
from ghostpose.codec.schemas import event_details, event_schema
from ghostpose.skeleton import KEYPOINTS
from ghostpose.types import Person, PoseMessage
from postprocess.events import Memories, rules_of, watch
from postprocess.grouping.body import body_boxes, body_heights_px

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ghostpose.rules import Rules
    from ghostpose.types import EventMessage

EVENT, DETAILS = Draft7Validator(event_schema()), event_details()

HEIGHT_PX = 200.0
FPS = 8.0
"""Times are exact in binary."""

STANDING = {
    "nose": (0.0, 0.93),
    "neck": (0.0, 0.82),
    "right_shoulder": (-0.12, 0.82),
    "right_elbow": (-0.15, 0.63),
    "right_wrist": (-0.15, 0.47),
    "left_shoulder": (0.12, 0.82),
    "left_elbow": (0.15, 0.63),
    "left_wrist": (0.15, 0.47),
    "right_hip": (-0.08, 0.53),
    "right_knee": (-0.08, 0.28),
    "right_ankle": (-0.08, 0.04),
    "left_hip": (0.08, 0.53),
    "left_knee": (0.08, 0.28),
    "left_ankle": (0.08, 0.04),
    "right_eye": (-0.03, 0.95),
    "left_eye": (0.03, 0.95),
    "right_ear": (-0.06, 0.94),
    "left_ear": (0.06, 0.94),
}
"""Of each key point: to the right of the feet's middle, above the ground; in body heights."""

HANDS_UP = STANDING | {
    "right_elbow": (-0.17, 1.0),
    "right_wrist": (-0.15, 1.16),
    "left_elbow": (0.17, 1.0),
    "left_wrist": (0.15, 1.16),
}
LYING = {name: (up, 0.12 - 0.5 * across) for name, (across, up) in STANDING.items()}
"""On the side, head to the right."""

TOWARDS = {name: (across, 0.35 * up) for name, (across, up) in STANDING.items()}
"""On the back, feet towards the camera."""


def person(
    number: int,
    x: float,
    y: float,
    body: dict[str, tuple[float, float]] = STANDING,
    hidden: Iterable[str] = (),
) -> Person:
    """Return a person whose feet are at (x, y)."""
    points_k3 = np.zeros((len(KEYPOINTS), 3), np.float32)
    for index, name in enumerate(KEYPOINTS):
        across, up = body[name]
        if name not in hidden:
            points_k3[index] = (x + HEIGHT_PX * across, y - HEIGHT_PX * up, 0.9)
    box = body_boxes(points_k3[None], body_heights_px(points_k3[None]))[0]
    left, top, right, bottom = (float(value) for value in box)
    return Person(0.8, (left, top, right - left, bottom - top), points_k3, f"hall-{number}")


def frame(seq: int, people: Iterable[Person], fps: float = FPS, session: int = 7) -> PoseMessage:
    return PoseMessage(
        camera="hall",
        session=session,
        seq=seq,
        captured_at=1000.0 + seq / fps,
        media_time=seq / fps,
        width=1280,
        height=720,
        people=tuple(people),
    )


def play(
    rules: Rules,
    seconds: float,
    people_at: Callable[[float], Iterable[Person]],
    fps: float = FPS,
) -> list[EventMessage]:
    """Return the events of a clip; `people_at` says who is there at a media time."""
    made, memories, events = rules_of(rules), Memories(), []
    for seq in range(round(seconds * fps)):
        found, memories = watch(made, frame(seq, people_at(seq / fps), fps), memories)
        events += found
    check_by_schema(events)
    return events


def check_by_schema(events: Iterable[EventMessage]) -> None:
    """Hold events against what programs in other languages are told of them."""
    for event in events:
        EVENT.validate(json.loads(encode_event(event)))
        assert event.details.keys() <= DETAILS[event.kind]["properties"].keys()
