"""A drill as a picture: each camera's poses by second, and above them what went wrong when."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.chaos.drill import Outcome

LEFT_PX, WIDTH_PX, ROW_PX, TOP_PX = 110, 1400, 22, 30
MOST_COLUMNS: Final = 700
"""A longer drill has more than a second in each column."""

_HELD, _KILL, _POSES = "#d9822b", "#c23030", "#137cbd"


def svg(outcome: Outcome) -> str:
    """Return the picture as SVG."""
    height = TOP_PX + (len(outcome.ledger.books) + 2) * ROW_PX
    body = "\n".join((*_faults(outcome), *_cameras(outcome), *_scale(outcome, height)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT_PX + WIDTH_PX + 10}"'
        f' height="{height}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _x(outcome: Outcome, at_s: float) -> float:
    return LEFT_PX + WIDTH_PX * min(1.0, at_s / max(outcome.seconds, 1e-3))


def _faults(outcome: Outcome) -> Iterator[str]:
    """Yield a bar for each fault: how long it was held, then how long recovery took."""
    yield _label("faults", TOP_PX)
    for one in outcome.happened:
        begin, ended = _x(outcome, one.at_s), _x(outcome, one.at_s + one.held_s)
        over = _x(outcome, one.at_s + one.held_s + one.recovered_s)
        what = escape(f"{one.kind}: {one.victim}, recovered in {one.recovered_s:.1f} s")
        bars = (_bar(begin, ended, TOP_PX, _HELD), _bar(ended, over, TOP_PX, _KILL))
        yield f"<g><title>{what}</title>{''.join(bars)}</g>"


def _cameras(outcome: Outcome) -> Iterator[str]:
    """Yield a row a camera, the darker the more poses; the darkest is its own most."""
    column_s = max(1, math.ceil(outcome.seconds / MOST_COLUMNS))
    for row, camera in enumerate(outcome.ledger.books, 1):
        top_px = TOP_PX + row * ROW_PX
        yield _label(camera, top_px)
        counts: dict[int, int] = {}
        for (name, second), count in outcome.by_second.items():
            if name == camera and 0 <= second < outcome.seconds:
                counts[second // column_s] = counts.get(second // column_s, 0) + count
        most = max(counts.values(), default=1)
        for column, count in sorted(counts.items()):
            begin, end = (_x(outcome, (column + k) * column_s) for k in (0, 1))
            yield _bar(begin, end, top_px, _POSES, 0.15 + 0.85 * count / most)


def _scale(outcome: Outcome, height: int) -> Iterator[str]:
    for tenth in range(11):
        at_s = outcome.seconds * tenth / 10
        yield f'<text x="{_x(outcome, at_s) - 10:.0f}" y="{height - 8}">{at_s:.0f} s</text>'


def _label(text: str, top_px: int) -> str:
    return f'<text x="5" y="{top_px + ROW_PX - 8}">{escape(text)}</text>'


def _bar(begin: float, end: float, top_px: int, colour: str, opacity: float = 1.0) -> str:
    return (
        f'<rect x="{begin:.1f}" y="{top_px}" width="{max(0.5, end - begin):.1f}"'
        f' height="{ROW_PX - 4}" fill="{colour}" fill-opacity="{opacity:.2f}"/>'
    )
