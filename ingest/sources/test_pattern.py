"""A test pattern: people-like figures that walk over a plain ground, the same in every run.

Where each key point is, is a function of time (`figures_at`), so that a test can hold what the
pipeline finds against what was drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from ghostpose.skeleton import KEYPOINTS, LIMBS, NUM_KEYPOINTS, TREE_LIMBS
from ingest.sources.image_folder import StillPicture
from ingest.sources.protocol import Picture, SourceInfo, Undecodable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghostpose.types import ByteArray, FloatArray

_STANDING: Final = {
    "nose": (0.0, -0.86),
    "neck": (0.0, -0.74),
    "right_shoulder": (-0.11, -0.74),
    "right_elbow": (-0.15, -0.58),
    "right_wrist": (-0.16, -0.43),
    "left_shoulder": (0.11, -0.74),
    "left_elbow": (0.15, -0.58),
    "left_wrist": (0.16, -0.43),
    "right_hip": (-0.07, -0.46),
    "right_knee": (-0.08, -0.24),
    "right_ankle": (-0.08, -0.02),
    "left_hip": (0.07, -0.46),
    "left_knee": (0.08, -0.24),
    "left_ankle": (0.08, -0.02),
    "right_eye": (-0.02, -0.89),
    "left_eye": (0.02, -0.89),
    "right_ear": (-0.045, -0.88),
    "left_ear": (0.045, -0.88),
}
"""A standing person seen from the front: x and y in body heights, (0, 0) between the feet."""

_SWING: Final = {"elbow": 0.06, "wrist": 0.14, "knee": 0.08, "ankle": 0.16}
"""How far a joint swings to either side in walking, in body heights."""

_SKIN, _GROUND, _TROUSERS = (150, 180, 225), (118, 124, 120), (90, 60, 40)


@dataclass(frozen=True, slots=True)
class PatternOptions:
    """What to draw: sizes in pixels, `frames` 0 for endless."""

    width: int = 640
    height: int = 480
    fps: float = 25.0
    people: int = 3
    frames: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Figure:
    """One walker: its height, its path, its pace, the colour of its shirt (BGR)."""

    height_px: float
    ground_px: float
    start_px: float
    speed_px: float
    stride_hz: float
    shirt: tuple[int, int, int]


class TestPattern:
    """Draws `options.frames` pictures, or endlessly many; picture k has media time k / fps."""

    __test__ = False  # pytest would take it for a test by its name

    ended_early: str | None = None

    def __init__(self, options: PatternOptions, start_s: float = 0.0) -> None:
        self._options, self._first = options, round(start_s * options.fps)
        self._figures = make_figures(options)
        frames = options.frames
        self.info = SourceInfo(
            description=f"test pattern with {options.people} people",
            width=options.width,
            height=options.height,
            nominal_fps=options.fps,
            frames=max(0, frames - self._first) if frames else None,
            length_s=frames / options.fps if frames else None,
        )

    def pictures(self) -> Iterator[Picture | Undecodable]:
        """See `Source.pictures`."""
        end = self._options.frames
        for number in range(self._first, end) if end else count(self._first):
            time_s = number / self._options.fps
            yield StillPicture(time_s, draw(self._options, self._figures, time_s))

    def close(self) -> None:
        """Nothing is open."""


def make_figures(options: PatternOptions) -> tuple[Figure, ...]:
    """Return the walkers; those nearer to the viewer are larger, lower and drawn last."""
    random = np.random.default_rng(options.seed)
    figures = (_make_figure(random, options) for _ in range(options.people))
    return tuple(sorted(figures, key=lambda figure: figure.ground_px))


def _make_figure(random: np.random.Generator, options: PatternOptions) -> Figure:
    nearness = random.uniform(0.45, 0.8)
    blue, green, red = (int(value) for value in random.integers(30, 230, 3))
    return Figure(
        height_px=nearness * options.height,
        ground_px=(0.2 + nearness * 0.95) * options.height,
        start_px=random.uniform(0.0, 2.0 * options.width),
        speed_px=random.choice((-1.0, 1.0)) * random.uniform(0.08, 0.2) * options.width,
        stride_hz=random.uniform(0.7, 1.1),
        shirt=(blue, green, red),
    )


def figures_at(figures: tuple[Figure, ...], width: int, time_s: float) -> FloatArray:
    """Return all key points at `time_s`: float32 (people, 18, 2), x and y in pixels.

    Walkers turn round at the picture's edges, so nobody leaves it.
    """
    points = [_keypoints(figure, width, time_s) for figure in figures]
    return np.array(points, np.float32).reshape(-1, NUM_KEYPOINTS, 2)


def _keypoints(figure: Figure, width: int, time_s: float) -> list[tuple[float, float]]:
    margin = 0.3 * figure.height_px
    x = margin + _there_and_back(
        figure.start_px + figure.speed_px * time_s, max(1.0, width - 2 * margin)
    )
    phase = 2 * math.pi * figure.stride_hz * time_s
    bob = 0.01 * math.sin(2 * phase)
    points = []
    for name in KEYPOINTS:
        side, _, joint = name.partition("_")
        arm_or_leg = 1.0 if joint in ("elbow", "wrist") else -1.0
        swing = _SWING.get(joint, 0.0) * math.sin(phase) * arm_or_leg
        dx, dy = _STANDING[name]
        dx += swing if side == "right" else -swing
        points.append((x + dx * figure.height_px, figure.ground_px + (dy + bob) * figure.height_px))
    return points


def _there_and_back(distance: float, length: float) -> float:
    """Fold an endless walk into 0..length."""
    return length - abs(distance % (2 * length) - length)


def draw(options: PatternOptions, figures: tuple[Figure, ...], time_s: float) -> ByteArray:
    """Draw the picture at `time_s`: uint8 (h, w, 3) BGR."""
    image_hw3 = _ground(options)
    for figure, points_k2 in zip(figures, figures_at(figures, options.width, time_s), strict=True):
        _draw_figure(image_hw3, figure, points_k2)
    return image_hw3


def _ground(options: PatternOptions) -> ByteArray:
    shade_h = np.linspace(1.25, 0.75, options.height, dtype=np.float32)[:, None, None]
    row_w3 = np.full((1, options.width, 3), _GROUND, np.float32)
    return (row_w3 * shade_h).astype(np.uint8)


def _draw_figure(image_hw3: ByteArray, figure: Figure, points_k2: FloatArray) -> None:
    thickness = max(1, round(figure.height_px * 0.055))
    spot = {name: _pixel(points_k2[k]) for k, name in enumerate(KEYPOINTS)}
    for index in TREE_LIMBS[:12]:
        limb = LIMBS[index]
        lower = any(part in KEYPOINTS[limb.end] for part in ("hip", "knee", "ankle"))
        colour = _TROUSERS if lower else figure.shirt
        cv2.line(image_hw3, _pixel(points_k2[limb.start]), _pixel(points_k2[limb.end]), colour,
                 thickness, cv2.LINE_AA)  # fmt: skip
    trunk = [spot[name] for name in ("right_shoulder", "left_shoulder", "left_hip", "right_hip")]
    cv2.fillConvexPoly(image_hw3, np.array(trunk, np.int32), figure.shirt, cv2.LINE_AA)
    head = round(figure.height_px * 0.065)
    cv2.circle(image_hw3, spot["nose"], head, _SKIN, -1, cv2.LINE_AA)
    for name in ("right_eye", "left_eye"):
        cv2.circle(image_hw3, spot[name], max(1, head // 6), (40, 40, 40), -1, cv2.LINE_AA)


def _pixel(point: FloatArray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
