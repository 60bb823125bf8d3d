"""A street of synthetic people with known truth, and what a detector would make of it.

People walk, stop and turn, cross, pass behind each other and behind a board. Who is nearer hides
who is behind; a hidden key point is mostly lost, sometimes mistaken for the one in front. There are
noise, misses, fragments beside people, and a thing that looks like somebody now and then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from walkers import Walker, person

from app.track_evaluation.scores import JudgedFrame, Scores, score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ghostpose.types import Person

WIDTH, HEIGHT = 960, 540
BOARD = (430.0, 200.0, 480.0, 420.0)
"""Left, top, right, bottom of what stands in the street."""


@dataclass(frozen=True)
class Passer:
    """Somebody in the street from `start_s` on, at the corners of a path at the given times."""

    times_s: np.ndarray
    path_n2: np.ndarray
    walker: Walker

    def here(self, t: float) -> bool:
        """Return whether the middle of the body is in the picture."""
        return self.times_s[0] <= t <= self.times_s[-1] and 0 <= self.feet(t)[0] < WIDTH

    def feet(self, t: float) -> tuple[float, float]:
        x, y = (float(np.interp(t, self.times_s, self.path_n2[:, i])) for i in (0, 1))
        return x, y

    def height(self, t: float) -> float:
        return 0.3 * self.feet(t)[1] * self.walker.height / 120

    def keypoints(self, t: float) -> np.ndarray:
        points_k3 = self.walker.keypoints(t)
        scale = self.height(t) / self.walker.height
        x, y = self.feet(t)
        points_k3[:, 0] = x + (points_k3[:, 0] - self.walker.x(t)) * scale
        points_k3[:, 1] = y + (points_k3[:, 1] - self.walker.top(t) - self.walker.height) * scale
        return points_k3

    def box(self, t: float) -> tuple[float, float, float, float]:
        """Return left, top, width, height of the whole body."""
        (x, y), h = self.feet(t), self.height(t)
        return x - 0.19 * h, y - h, 0.38 * h, 1.03 * h


def passer(rng: np.random.Generator, start_s: float) -> Passer:
    """Return somebody who comes in at one side and leaves at the other or turns back."""
    at_left = rng.random() < 0.5
    x, y = (-30.0 if at_left else WIDTH + 30.0), rng.uniform(240, 500)
    direction = 1 if at_left else -1
    times, path, t = [start_s], [(x, y)], start_s
    while -40 < x < WIDTH + 40:
        legs = rng.uniform(1, 5)
        if rng.random() < 0.15 and len(path) > 1:
            t += legs  # stands still
        else:
            direction *= -1 if rng.random() < 0.1 and len(path) > 1 else 1
            speed = rng.uniform(0.5, 0.9) * 0.3 * y
            x += direction * speed * legs
            y = float(np.clip(y + rng.uniform(-0.25, 0.25) * speed * legs, 230, 520))
            t += legs
        times.append(t)
        path.append((x, y))
    walker = Walker(
        lambda _t: 0.0,
        lambda _t: 0.0,
        height=120 * rng.uniform(0.9, 1.1),
        steps_hz=rng.uniform(0.8, 1.1),
        phase=rng.random(),
    )
    return Passer(np.array(times), np.array(path), walker)


@dataclass(frozen=True)
class Street:
    """`people` passers within `seconds`, as a detector of these habits sees them."""

    seed: int
    people: int = 12
    seconds: float = 40.0
    noise: float = 0.015
    missing: float = 0.1
    missed: float = 0.03
    fragments: float = 0.1
    passers: list[Passer] = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        starts = np.sort(rng.uniform(0, self.seconds * 0.7, self.people))
        object.__setattr__(self, "passers", [passer(rng, start) for start in starts])

    def frames(self, fps: float = 10.0) -> Iterator[tuple[float, list[Person], list[int]]]:
        """Yield time, what is detected, and who is in the picture (numbers of passers)."""
        rng = np.random.default_rng(self.seed + 1000)
        for k in range(int(self.seconds * fps)):
            t = k / fps
            here = [i for i, who in enumerate(self.passers) if who.here(t)]
            found = [self._seen(i, here, t, rng) for i in here]
            found += [self._fragment(f, rng) for f in found if rng.random() < self.fragments]
            found.append(self._thing(rng))
            people = [one for one in found if one is not None]
            yield t, [people[i] for i in rng.permutation(len(people))], here

    def _seen(
        self, who: int, here: Sequence[int], t: float, rng: np.random.Generator
    ) -> Person | None:
        me = self.passers[who]
        points_k3 = me.keypoints(t)
        hidden_k = np.zeros(18, bool)
        behind_board = me.feet(t)[1] < BOARD[3]
        if behind_board:
            hidden_k |= _inside(points_k3, BOARD)
        for other in here:
            if self.passers[other].feet(t)[1] > me.feet(t)[1]:
                x, y, w, h = self.passers[other].box(t)
                covers_k = _inside(points_k3, (x + w / 4, y, x + 3 * w / 4, y + h))
                mistaken_k = covers_k & (rng.random(18) < 0.15)
                points_k3[mistaken_k] = self.passers[other].keypoints(t)[mistaken_k]
                hidden_k |= covers_k & ~mistaken_k
        points_k3[:, :2] += rng.normal(0, self.noise * me.height(t), (18, 2))
        points_k3[hidden_k & (rng.random(18) < 0.9)] = 0
        points_k3[rng.random(18) < self.missing] = 0
        points_k3[~_inside(points_k3, (0, 0, WIDTH - 1, HEIGHT - 1))] = 0
        share = (points_k3[:, 2] > 0).mean()
        if share < 3 / 18 or rng.random() < self.missed:
            return None
        return person(points_k3, float(np.clip(0.15 + 0.6 * share + rng.normal(0, 0.07), 0.2, 1)))

    def _fragment(self, beside: Person | None, rng: np.random.Generator) -> Person | None:
        """Return a few key points of somebody once more, elsewhere: a ghost."""
        if beside is None:
            return None
        points_k3 = beside.keypoints_k3.copy()
        points_k3[rng.permutation(18)[: rng.integers(11, 15)]] = 0
        points_k3[:, :2] += rng.normal(0, 12, 2)
        if (points_k3[:, 2] > 0).sum() < 3:
            return None
        return person(points_k3, float(rng.uniform(0.2, 0.45)))

    def _thing(self, rng: np.random.Generator) -> Person | None:
        """Return what a hydrant looks like in one frame of five."""
        points_k3 = Walker(lambda _t: 700.0, lambda _t: 300.0, height=70).keypoints(0.0)
        points_k3[:, :2] += rng.normal(0, 3, (18, 2))
        points_k3[rng.random(18) < 0.6] = 0
        if rng.random() > 0.2 or (points_k3[:, 2] > 0).sum() < 3:
            return None
        return person(points_k3, float(rng.uniform(0.2, 0.4)))


def _inside(points_k3: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    x_k, y_k = points_k3[:, 0], points_k3[:, 1]
    return (x_k > box[0]) & (x_k < box[2]) & (y_k > box[1]) & (y_k < box[3])


def scores_of(
    street: Street, update: Callable[..., Sequence[Person]], *, fps: float = 10.0, every: int = 1
) -> Scores:
    """Return what a tracker's `update` makes of every `every`-th frame of the street."""
    from app.track_evaluation.evaluate import overlaps

    numbers: dict[str | None, int] = {}
    judged = []
    for k, (t, people, here) in enumerate(street.frames(fps)):
        if k % every:
            continue
        found = update(people, t, (WIDTH, HEIGHT))
        track_p = [numbers.setdefault(one.track, len(numbers)) for one in found]
        box_t4 = np.array([street.passers[i].box(t) for i in here]).reshape(-1, 4)
        box_p4 = np.array([one.box for one in found]).reshape(-1, 4)
        judged.append(
            JudgedFrame(
                np.array(here, np.intp), np.array(track_p, np.intp), overlaps(box_t4, box_p4)
            )
        )
    return score(judged)
