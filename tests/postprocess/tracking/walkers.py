"""Synthetic people who walk: exact key points, then the noise and the losses of a real detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ghostpose.skeleton import KEYPOINTS
from ghostpose.types import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEPTH = {
    "nose": 0.085,
    "eye": 0.065,
    "ear": 0.075,
    "neck": 0.18,
    "shoulder": 0.18,
    "elbow": 0.37,
    "wrist": 0.51,
    "hip": 0.47,
    "knee": 0.715,
    "ankle": 0.96,
}
HALF_WIDTH = {"eye": 0.015, "ear": 0.035, "shoulder": 0.09, "elbow": 0.1, "wrist": 0.1, "hip": 0.06}
SWING = {"elbow": 0.06, "wrist": 0.13, "knee": 0.09, "ankle": 0.2}


@dataclass(frozen=True)
class Walker:
    """A person whose head is at `x(t)`, `top(t)` and who is `height` pixels tall."""

    x: Callable[[float], float]
    top: Callable[[float], float] = lambda _t: 100.0
    height: float = 120.0
    steps_hz: float = 0.9
    phase: float = 0.0

    def keypoints(self, t: float) -> np.ndarray:
        swing = np.sin(2 * np.pi * (self.steps_hz * t + self.phase))
        points = np.zeros((18, 3), np.float32)
        for k, name in enumerate(KEYPOINTS):
            kind = name.rsplit("_", 1)[-1]
            side = -1 if name.startswith("right") else 1 if name.startswith("left") else 0
            across = side * HALF_WIDTH.get(kind, 0.04)
            across += side * swing * SWING.get(kind, 0) * (1 if kind in ("knee", "ankle") else -1)
            points[k] = (
                self.x(t) + across * self.height,
                self.top(t) + DEPTH[kind] * self.height,
                0.8,
            )
        return points


def line(start: float, speed: float) -> Callable[[float], float]:
    return lambda t: start + speed * t


@dataclass(frozen=True)
class Scene:
    """Walkers as a detector would see them. `hidden(i, t)`: nobody sees walker i at time t."""

    walkers: Sequence[Walker]
    hidden: Callable[[int, float], bool] = lambda _i, _t: False
    noise: float = 0.008
    missing: float = 0.08
    score: float = 0.75
    seed: int = 0

    def frames(self, fps: float, seconds: float, every: int = 1):
        """Yield media time, people and the walkers' indices, in a shuffled order."""
        rng = np.random.default_rng(self.seed)
        for k in range(int(fps * seconds)):
            t = k / fps
            people, truth = [], []
            for i in rng.permutation(len(self.walkers)):
                points = self._seen(self.walkers[i], t, rng)
                if not self.hidden(int(i), t):
                    people.append(person(points, self.score))
                    truth.append(int(i))
            if k % every == 0:
                yield t, tuple(people), truth

    def _seen(self, walker: Walker, t: float, rng: np.random.Generator) -> np.ndarray:
        points = walker.keypoints(t)
        points[:, :2] += rng.normal(0, self.noise * walker.height, (18, 2))
        points[rng.random(18) < self.missing] = 0
        return points


def person(keypoints_k3: np.ndarray, score: float = 0.75) -> Person:
    seen = keypoints_k3[keypoints_k3[:, 2] > 0]
    low, high = seen[:, :2].min(0), seen[:, :2].max(0)
    box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
    return Person(score, box, keypoints_k3.astype(np.float32))


def ids_by_walker(tracker, frames) -> list[list[str]]:
    """Run frames through a tracker; return the distinct ids each walker had, in order."""
    ids: dict[int, list[str]] = {}
    for t, people, truth in frames:
        tracked = tracker.update(people, t)
        assert len(tracked) == len(people)
        for found, walker in zip(tracked, truth, strict=True):
            had = ids.setdefault(walker, [])
            if not had or had[-1] != found.track:
                had.append(found.track)
    return [ids[i] for i in sorted(ids)]
