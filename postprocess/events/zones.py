"""A zone's events: enter, leave, dwell, crowd."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from ghostpose.geometry import contains
from postprocess.events.rule import GONE_S, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ghostpose.rules import ZoneConfig
    from postprocess.events.rule import Memory
    from postprocess.events.sightings import Moment, Sighting

SETTLE_S: Final = 0.4
"""So long somebody must be on the other side of the edge before it counts: feet shake."""

CROWD_SETTLE_S: Final = 1.0
"""So long a zone must be crowded, or no longer crowded, before it counts."""

_CROWD_ROW: Final = 0


@dataclass(frozen=True, slots=True)
class Visit:
    """What is remembered of a track: the side it is on (`inside` 1 or 0) since when.

    `turned_at`, `turned_seq`: when it came to the other side; NaN and -1 while it is not there.
    """

    inside: float
    since: float
    turned_at: float
    turned_seq: float
    seen_at: float
    has_dwelled: float


@dataclass(frozen=True, slots=True)
class Crowd:
    """Whether a zone is crowded (1 or 0), and since when it has looked otherwise (NaN, -1)."""

    is_crowded: float = 0.0
    turned_at: float = math.nan
    turned_seq: float = -1.0


def watch_zone(
    zone: ZoneConfig, people: Sequence[Sighting], now: Moment, memory: Memory
) -> Verdict:
    """Tell who entered, left or stays too long, and whether it is crowded."""
    visits = {number: Visit(*row) for number, row in memory.items() if number != _CROWD_ROW}
    findings: list[Finding] = []
    for person in people:
        before = visits.get(person.number, Visit(0, now.media_time, math.nan, -1, 0, 0))
        visit = _turned(before, contains(zone.polygon, person.foot_2), now)
        visits[person.number] = visit = replace(visit, seen_at=now.media_time)
        findings += _changes(zone, person.number, before, visit)
    for number in [n for n, v in visits.items() if now.media_time - v.seen_at > GONE_S]:
        if visits.pop(number).inside:
            findings.append(Finding("leave", number, now.seq, {"zone": zone.name, "lost": True}))
    findings += _dwelling(zone, visits, now)
    rows = {number: astuple(visit) for number, visit in visits.items()}
    if zone.crowd is not None:
        before_crowd = Crowd(*memory.get(_CROWD_ROW, ()))
        crowd, found = _crowd(zone.crowd, zone, visits, before_crowd, now)
        rows[_CROWD_ROW] = astuple(crowd)
        findings += found
    return Verdict(findings, rows)


def _turned(visit: Visit, inside: bool, now: Moment) -> Visit:
    """Return the visit after seeing on which side somebody is."""
    if inside == bool(visit.inside):
        return replace(visit, turned_at=math.nan, turned_seq=-1)
    if math.isnan(visit.turned_at):
        return replace(visit, turned_at=now.media_time, turned_seq=now.seq)
    if now.media_time - visit.turned_at < SETTLE_S:
        return visit
    return replace(visit, inside=float(inside), since=visit.turned_at, has_dwelled=0)


def _changes(zone: ZoneConfig, number: int, before: Visit, after: Visit) -> list[Finding]:
    if before.inside == after.inside:
        return []
    kind: Literal["enter", "leave"] = "enter" if after.inside else "leave"
    return [Finding(kind, number, int(after.turned_seq), {"zone": zone.name})]


def _dwelling(zone: ZoneConfig, visits: dict[int, Visit], now: Moment) -> list[Finding]:
    """Note in `visits`, and return, who has been inside for too long and is seen now."""
    if zone.dwell_s is None:
        return []
    findings = []
    for number, visit in visits.items():
        stays_s = now.media_time - visit.since
        is_seen = visit.seen_at == now.media_time
        if visit.inside and is_seen and not visit.has_dwelled and stays_s >= zone.dwell_s:
            visits[number] = replace(visit, has_dwelled=1)
            details = {"zone": zone.name, "stays_s": round(stays_s, 3)}
            findings.append(Finding("dwell", number, now.seq, details))
    return findings


def _crowd(
    limit: int, zone: ZoneConfig, visits: Mapping[int, Visit], before: Crowd, now: Moment
) -> tuple[Crowd, list[Finding]]:
    inside = sum(bool(visit.inside) for visit in visits.values())
    is_crowded = inside >= limit
    if is_crowded == bool(before.is_crowded):
        return Crowd(before.is_crowded), []
    if math.isnan(before.turned_at):
        return replace(before, turned_at=now.media_time, turned_seq=now.seq), []
    if now.media_time - before.turned_at < CROWD_SETTLE_S:
        return before, []
    state = "begins" if is_crowded else "ends"
    details = {"zone": zone.name, "state": state, "people": inside}
    return Crowd(float(is_crowded)), [Finding("crowd", None, int(before.turned_seq), details)]
