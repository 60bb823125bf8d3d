"""A report as one HTML page: no scripts, nothing from elsewhere."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from app.jobs.report.chart import people_chart
from app.jobs.report.figures import STAYS_S
from app.jobs.requests import local_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from app.jobs.report.figures import Figures

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2733; --dim: #66727f; --line: #d9dfe5;
  --back: #ffffff; --mean: #8ec7e8; --most: #0b6aa2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --dim: #98a4b0; --line: #36414c;
  --back: #12181e; --mean: #215a7a; --most: #62b8ea; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back);
  max-width: 960px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p, caption { color: var(--dim); margin: .2rem 0; text-align: left; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2.2rem; margin: 1.2rem 0; }
dt { color: var(--dim); font-size: .85rem; } dd { margin: 0; font-size: 1.5rem; }
svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: var(--dim); }
.grid { stroke: var(--line); } .tick { stroke: var(--dim); }
.mean { fill: var(--mean); } .most { fill: none; stroke: var(--most); stroke-width: 1.5; }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 1em; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-weight: 500; } .n { text-align: right; }
.bar { background: var(--mean); height: .9em; min-width: 1px; }
"""


def page(figures: Figures) -> str:
    """Return the whole page."""
    camera = escape(figures.camera)
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{camera}: people</title><style>{_STYLE}</style></head><body>",
            f"<h1>{camera}</h1>",
            f"<p>{local_time(figures.since)} to {local_time(figures.until)}</p>",
            _tiles(figures),
            "<h2>People over time</h2>",
            people_chart(figures),
            _key(figures),
            "<h2>How long people were seen</h2>",
            _lengths(figures),
            *_longest(figures),
            *_stays(figures),
            *_events(figures),
            "<p>A track is one person without a long absence: who comes back is counted again.</p>",
            "</body></html>\n",
        )
    )


def _tiles(figures: Figures) -> str:
    tiles = {
        "most at once": str(figures.most),
        "on average": f"{figures.mean:.1f}",
        "tracks": str(figures.tracks),
        "seen for (median)": duration(figures.median_s),
        "frames": f"{figures.frames:,}".replace(",", "\u202f"),
    }
    return (
        "<dl>" + "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in tiles.items()) + "</dl>"
    )


def _key(figures: Figures) -> str:
    return (
        f"<p>For each {duration(figures.stretch_s)}:"
        '<span class="key" style="background:var(--most)"></span>most at once'
        '<span class="key" style="background:var(--mean)"></span>on average</p>'
    )


def _lengths(figures: Figures) -> str:
    bounds = [duration(bound) for bound in STAYS_S]
    names = [f"under {bounds[0]}"]
    names += [f"{a} to {b}" for a, b in pairwise(bounds)]
    names.append(f"{bounds[-1]} and longer")
    most = max(1, *figures.by_length)
    rows = (
        f'<tr><td>{name}</td><td class="n">{count}</td><td style="width:70%">'
        f'<div class="bar" style="width:{100 * count / most:.1f}%"></div></td></tr>'
        for name, count in zip(names, figures.by_length, strict=True)
    )
    return f"<table>{''.join(rows)}</table>"


def _longest(figures: Figures) -> Iterator[str]:
    if figures.longest:
        yield "<h2>Longest tracks</h2>"
        yield _table(
            ("track", "from", "until", "seen for"),
            (
                (
                    t.track,
                    local_time(t.first_at),
                    local_time(t.last_at),
                    duration(t.last_at - t.first_at),
                )
                for t in figures.longest
            ),
        )


def _stays(figures: Figures) -> Iterator[str]:
    if figures.stays:
        yield "<h2>Time in zones</h2>"
        yield _table(
            ("zone", "stays", "median", "longest"),
            (
                (s.zone, str(s.count), duration(s.median_s), duration(s.longest_s))
                for s in figures.stays
            ),
        )


def _events(figures: Figures) -> Iterator[str]:
    yield "<h2>Events</h2>"
    if not figures.happened:
        yield "<p>None: nothing happened, or the camera has nothing to watch for.</p>"
        return
    yield _table(
        ("event", "where", "times", "first", "last"),
        (
            (
                h.kind.replace("_", " "),
                h.place,
                str(h.count),
                local_time(h.first_at),
                local_time(h.last_at),
            )
            for h in figures.happened
        ),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{names}</tr>{''.join(body)}</table>"


def duration(seconds: float) -> str:
    """Return a length of time for people: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    units = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    parts = []
    for length, name in units:
        if whole >= length:
            parts.append(f"{whole // length} {name}")
            whole %= length
    return " ".join(parts[:2])
