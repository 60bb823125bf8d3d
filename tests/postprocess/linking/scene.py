"""Two cameras over one floor, and people whose ways are known: what each camera's poses say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ghostpose.ground import Ground
from ghostpose.types import Person, PoseMessage
from postprocess.linking.linker import Linker
from postprocess.linking.worker import links_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postprocess.linking.known import Link

WIDTH, HEIGHT, FOCAL = 1280, 720, 900.0
FPS = 10

Way = "Callable[[float], tuple[float, float] | None]"
"""Where somebody is at a time, in metres; None: not there."""


@dataclass(frozen=True)
class Camera:
    """A pinhole at a place in metres, `up` above the floor, that looks at a point of the floor.

    `late_s`: how much its clock is ahead; `phase_s`: when in a tenth of a second it takes frames.
    """

    name: str
    at: tuple[float, float, float]
    looks_at: tuple[float, float]
    late_s: float = 0.0
    phase_s: float = 0.0
    blind: frozenset[int] = frozenset()
    """People hidden from it."""

    @cached_property
    def axes_33(self) -> np.ndarray:
        """Its right, its down, and where it looks, as rows."""
        ahead = np.array([*self.looks_at, 0.0]) - np.array(self.at)
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, [0, 0, 1.0])
        right /= np.linalg.norm(right)
        return np.array([right, np.cross(ahead, right), ahead])

    def pixel(self, x: float, y: float, z: float = 0.0) -> tuple[float, float] | None:
        across, down, depth = self.axes_33 @ np.subtract((x, y, z), self.at)
        if depth < 0.5:
            return None
        u, v = WIDTH / 2 + FOCAL * across / depth, HEIGHT / 2 + FOCAL * down / depth
        return (float(u), float(v)) if 0 <= u < WIDTH and 0 <= v < HEIGHT else None

    def pairs(self) -> tuple[tuple[float, float, float, float], ...]:
        """Return four points of the floor, as somebody lists them."""
        x, y = self.looks_at
        corners = [(x - 1, y - 1), (x + 1, y - 1), (x + 1, y + 1), (x - 1, y + 1)]
        return tuple((*self.pixel(*corner), *corner) for corner in corners)  # type: ignore[misc]


LEFT = Camera("left", (-6.0, -4.0, 4.0), (0.0, 2.0))
RIGHT = Camera("right", (6.0, -4.0, 4.0), (0.0, 2.0))

HALF_VIEW_M = 6.45
"""Half of what a camera of `side_by_side` sees of the floor at y = 2 m; 0.65 m more at y = 3 m."""


def side_by_side(gap_m: float) -> tuple[Camera, Camera]:
    """Return a left and a right camera between whose views a strip of the floor is seen by none."""
    x = HALF_VIEW_M + gap_m / 2
    return (
        Camera("left", (-x, -7.0, 4.0), (-x, 2.0)),
        Camera("right", (x, -7.0, 4.0), (x, 2.0)),
    )


def somebody(camera: Camera, track: int, x: float, y: float, noise_px: np.ndarray) -> Person | None:
    foot, head = camera.pixel(x, y), camera.pixel(x, y, 1.75)
    if foot is None or head is None:
        return None
    u, v = foot[0] + noise_px[0], foot[1] + noise_px[1]
    tall = v - head[1]
    ankle = (u, v - 0.04 * tall, 0.9)
    keypoints_k3 = np.zeros((18, 3), np.float32)
    keypoints_k3[[10, 13]] = ankle
    return Person(
        0.9, (u - 0.2 * tall, v - tall, 0.4 * tall, tall), keypoints_k3, f"{camera.name}-{track}"
    )


def frames(camera: Camera, ways: Sequence[Way], seconds: float, seed: int) -> list[PoseMessage]:
    """Return a camera's poses; person i is track i + 1 there. Feet are 4 pixels off or so."""
    rng = np.random.default_rng([seed, *camera.name.encode()])
    made = []
    for seq in range(round(seconds * FPS)):
        at_s = seq / FPS + camera.phase_s
        people = []
        for index, way in enumerate(ways):
            place = way(at_s)
            noise_px = rng.normal(0, 4.0, 2)
            if place is not None and index not in camera.blind:
                people.append(somebody(camera, index + 1, *place, noise_px))
        seen = tuple(person for person in people if person is not None)
        captured_at = 1000.0 + at_s + camera.late_s
        made.append(PoseMessage(camera.name, 7, seq, captured_at, at_s, WIDTH, HEIGHT, seen))
    return made


def links(
    ways: Sequence[Way],
    seconds: float,
    cameras: tuple[Camera, Camera] = (LEFT, RIGHT),
    seed: int = 0,
    every: int = 1,
) -> list[Link]:
    """Return what is linked, poses coming in the order of their capture, one frame in `every`."""
    linker = Linker()
    poses = [pose for camera in cameras for pose in frames(camera, ways, seconds, seed)[::every]]
    poses.sort(key=lambda pose: pose.media_time)
    grounds = {camera.name: Ground.of(camera.pairs()) for camera in cameras}
    return [link for pose in poses for link in links_in(linker, pose, grounds[pose.camera])]


def linked_people(found: Sequence[Link]) -> list[tuple[int, int]]:
    """Return who was linked to whom, as numbers in the left and in the right camera."""
    pairs = []
    for link in found:
        tracks = {name.camera: int(name.track.split("-")[1]) for name, _, _ in link.ends}
        pairs.append((tracks["left"], tracks["right"]))
    return sorted(pairs)


def walk(
    start: tuple[float, float], end: tuple[float, float], seconds: float, begin: float = 0.0
) -> Way:
    """Return the way of somebody who walks straight, and is there no longer than that."""

    def at(t: float) -> tuple[float, float] | None:
        share = (t - begin) / seconds
        if not 0 <= share <= 1:
            return None
        return tuple(a + share * (b - a) for a, b in zip(start, end, strict=True))  # type: ignore[return-value]

    return at
