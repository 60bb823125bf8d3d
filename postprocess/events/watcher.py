"""All rules of a camera over one frame: events with their evidence, and what is remembered.

`rules_of` is the one table of rules: a new rule is a module like its neighbours and a row there.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from ghostpose.types import EventMessage
from postprocess.events.falls import watch_falls
from postprocess.events.hands_up import watch_hands_up
from postprocess.events.lines import watch_line
from postprocess.events.memory import Memories
from postprocess.events.sightings import Moment, sightings_of
from postprocess.events.zones import watch_zone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ghostpose.rules import Posture, Rules
    from ghostpose.types import PoseMessage
    from postprocess.events.rule import Finding, Rule
    from postprocess.events.sightings import Sighting

MAX_EVENTS: Final = 1000
"""Events of one frame; more are dropped, with a warning."""

_POSTURES: Final[Mapping[Posture, Rule]] = {"fall": watch_falls, "hands_up": watch_hands_up}

_log = logging.getLogger("postprocess.Watcher")


def rules_of(rules: Rules) -> dict[str, Rule]:
    """Return a camera's rules, each by the name that its memory has."""
    return {
        **{f"zone/{zone.name}": partial(watch_zone, zone) for zone in rules.zones},
        **{f"line/{line.name}": partial(watch_line, line) for line in rules.lines},
        **{posture: _POSTURES[posture] for posture in rules.postures},
    }


def watch(
    rules: Mapping[str, Rule], pose: PoseMessage, memories: Memories
) -> tuple[tuple[EventMessage, ...], Memories]:
    """Return what happened in this frame, and what all rules remember from now on.

    Memories of another session, or of rules that are no more, are forgotten.
    """
    rows = memories.rows if memories.session == pose.session else {}
    people = sightings_of(pose)
    now = Moment(pose.seq, pose.media_time)
    verdicts = {name: rule(people, now, rows.get(name, {})) for name, rule in rules.items()}
    events = [
        _event(finding, pose, people)
        for verdict in verdicts.values()
        for finding in verdict.findings
    ]
    if len(events) > MAX_EVENTS:
        _log.warning(
            "camera %s: %d events in frame %d of session %d; %d are kept",
            pose.camera, len(events), pose.seq, pose.session, MAX_EVENTS,
        )  # fmt: skip
    kept = {name: verdict.memory for name, verdict in verdicts.items() if verdict.memory}
    return tuple(events[:MAX_EVENTS]), Memories(pose.session, kept)


def _event(finding: Finding, pose: PoseMessage, people: tuple[Sighting, ...]) -> EventMessage:
    details: dict[str, object] = {
        **finding.details,
        "captured_at": round(pose.captured_at, 6),
        "media_time": round(pose.media_time, 6),
        "seqs": [finding.since_seq, pose.seq],
    }
    if finding.number is not None:
        details["track"] = f"{pose.camera}-{finding.number}"
        details |= _evidence(finding.number, people)
    return EventMessage(finding.kind, pose.camera, pose.session, pose.seq, details)


def _evidence(number: int, people: tuple[Sighting, ...]) -> dict[str, object]:
    """Return where a person stands and its key points; nothing of one who isn't seen now."""
    for person in people:
        if person.number == number:
            points = [
                [round(float(x), 2), round(float(y), 2), round(float(score), 3)]
                for x, y, score in person.keypoints_k3
            ]
            return {"foot": [round(v, 2) for v in person.foot_2], "keypoints": points}
    return {}
