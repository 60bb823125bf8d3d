"""People over time, as an SVG that stands in the page: a line of the most, an area of the mean."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.jobs.report.figures import Figures
    from postprocess.store.results import PeopleCount

WIDTH: Final = 900
HEIGHT: Final = 260
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 30
"""Margins for the axes' words."""

TICKS_S: Final = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
)
MOST_TICKS: Final = 9
DAY_S: Final = 86_400


def people_chart(figures: Figures) -> str:
    """Return the chart; a stretch without frames is a gap in it."""
    top = max(1, figures.most)
    scale = _Scale(figures.since, max(figures.until - figures.since, figures.stretch_s), top)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="People over time">',
        *_grid(scale),
        *_lines(figures, scale),
        "</svg>",
    ]
    return "\n".join(parts)


class _Scale:
    """Where moments and numbers of people are in the chart."""

    def __init__(self, since: float, length_s: float, top: int) -> None:
        self.since, self.length_s, self.top = since, length_s, top

    def x(self, moment: float) -> float:
        share = (moment - self.since) / self.length_s
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, people: float) -> float:
        return HEIGHT - BOTTOM - people / self.top * (HEIGHT - TOP - BOTTOM)


def _lines(figures: Figures, scale: _Scale) -> Iterator[str]:
    for run in _runs(figures.counts, figures.stretch_s):
        base = scale.y(0)
        mean = _steps(run, figures.stretch_s, scale, [count.mean for count in run])
        most = _steps(run, figures.stretch_s, scale, [float(count.most) for count in run])
        first, last = mean[0][0], mean[-1][0]
        yield f'<polygon class="mean" points="{_text([(first, base), *mean, (last, base)])}"/>'
        yield f'<polyline class="most" points="{_text(most)}"/>'


def _runs(counts: Sequence[PeopleCount], stretch_s: float) -> list[list[PeopleCount]]:
    """Split at stretches that nothing is known of."""
    runs = [[counts[0]]] if counts else []
    for before, after in pairwise(counts):
        if after.begins_at - before.begins_at > 1.5 * stretch_s:
            runs.append([])
        runs[-1].append(after)
    return runs


def _steps(
    run: Sequence[PeopleCount], stretch_s: float, scale: _Scale, values: Sequence[float]
) -> list[tuple[float, float]]:
    points = []
    for count, value in zip(run, values, strict=True):
        y, end = scale.y(value), min(count.begins_at + stretch_s, scale.since + scale.length_s)
        points += [(scale.x(count.begins_at), y), (scale.x(end), y)]
    return points


def _text(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _grid(scale: _Scale) -> Iterator[str]:
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if scale.top / s <= 6)
    for people in range(0, scale.top + 1, step):
        y = scale.y(people)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{people}</text>'
    for moment, word in _ticks(scale.since, scale.length_s):
        x = scale.x(moment)
        base = scale.y(0)
        yield f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 5}"/>'
        yield f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{word}</text>'


def _ticks(since: float, length_s: float) -> Iterator[tuple[float, str]]:
    """Give round moments of this machine's time zone, and how they are written.

    Without a zone in them, so that they stay round after the clocks were changed.
    """
    step_s = next((s for s in TICKS_S if length_s / s <= MOST_TICKS), None)
    step_s = step_s or DAY_S * max(1, -int(-length_s // (DAY_S * MOST_TICKS)))
    begin = datetime.fromtimestamp(since)
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = (begin - midnight).total_seconds()
    form = "%m-%d" if step_s >= DAY_S else "%H:%M" if step_s >= 60 else "%H:%M:%S"
    moment = midnight + timedelta(seconds=-(-passed // step_s) * step_s)
    while moment.timestamp() <= since + length_s:
        yield moment.timestamp(), moment.strftime(form)
        moment += timedelta(seconds=step_s)
