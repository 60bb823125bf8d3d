"""A line's event: cross, in or out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ghostpose.geometry import crossings, distance
from postprocess.events.rule import GONE_S, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ghostpose.rules import LineConfig
    from postprocess.events.rule import Memory
    from postprocess.events.sightings import Moment, Sighting

MARGIN: Final = 0.06
"""Nearer to the line than so many body heights a foot is on neither side: feet shake."""


def watch_line(
    line: LineConfig, people: Sequence[Sighting], now: Moment, memory: Memory
) -> Verdict:
    """Tell who crossed the line.

    Remembered of each track: the last place that was off the line (x, y), its seq and time.
    """
    places = dict(memory)
    findings = []
    for person in people:
        if distance(line.points, person.foot_2) < MARGIN * person.height_px:
            continue
        before = places.get(person.number)
        places[person.number] = (*person.foot_2, now.seq, now.media_time)
        if before is None:
            continue
        x, y, seq, _ = before
        net = crossings(line.points, (x, y), person.foot_2)
        if net:
            details = {"line": line.name, "direction": "in" if net > 0 else "out"}
            findings.append(Finding("cross", person.number, int(seq), details))
    here = {person.number for person in people}
    kept = {
        number: place
        for number, place in places.items()
        if number in here or now.media_time - place[-1] <= GONE_S
    }
    return Verdict(findings, kept)
