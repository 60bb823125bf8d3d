"""All that may happen to three frames between two processes of each role: promises hold."""

from __future__ import annotations

import protocol_twin as steps
import pytest
from protocol_explorer import Explorer
from protocol_twin import Frame, Lease, Result, Twin
from protocol_world import Limits


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "limits",
    [Limits(frames=3, sessions=1), Limits(frames=2, sessions=2), Limits(frames=1, damaged=1)],
    ids=["three frames", "two sessions", "a damaged entry"],
)
def test_every_interleaving_keeps_every_promise(limits: Limits) -> None:
    explored = Explorer(limits).run()
    assert explored.worlds > 500
    assert {"post commits: committed", "ingest 1 resumes", "inference claims"} <= explored.names
    assert ("inference buries" in explored.names) == bool(limits.damaged)


def finish_without_a_look(twin: Twin, ticket: int, kind: str) -> tuple[Twin, bool]:
    frames = tuple(f for f in twin.frames if f.ticket != ticket)
    return twin._replace(frames=frames, maps=(*twin.maps, Result(ticket, kind))), True


def take_and_forget(twin: Twin, worker: str, count: int) -> tuple[Twin, tuple[int, ...]]:
    tickets = tuple(f.ticket for f in twin.frames if not f.deliveries)[:count]
    return twin._replace(frames=tuple(f for f in twin.frames if f.ticket not in tickets)), tickets


def commit_of_anyone(twin: Twin, _: int, *rest: object) -> tuple[Twin, str]:
    return COMMIT(twin._replace(lease=Lease("any", 1, True)), 1, *rest)


def commit_without_state(twin: Twin, token: int, ticket: int, kind: str, _: object) -> object:
    return COMMIT(twin, token, ticket, kind, None)


def publish_again(twin: Twin, session: int, seq: int) -> tuple[Twin, str | int]:
    return PUBLISH(twin, session, twin.seq)


def mend_later(twin: Twin) -> tuple[Twin, int]:
    """Mend only what was buried before, as when burying came first."""
    whole = tuple(Frame(f.ticket) if f.is_nameless else f for f in twin.frames)
    return twin._replace(maps=MEND(twin._replace(frames=whole))[0].maps), 0


COMMIT, PUBLISH, MEND = steps.commit, steps.publish, steps.mend


@pytest.mark.parametrize(
    ("step", "broken", "words"),
    [
        ("finish", finish_without_a_look, "two workers finish a frame"),
        ("take", take_and_forget, "neither entry nor outcome"),
        ("commit", commit_of_anyone, "a former owner commits"),
        ("commit", commit_without_state, "misses a pose"),
        ("publish", publish_again, "published twice"),
        ("mend", mend_later, "neither entry nor outcome"),
        ("pending", lambda _: (), "stuck"),
        ("lease_runs_out", lambda twin: twin, "stuck"),
    ],
)
def test_a_step_that_is_wrong_is_found(
    step: str, broken: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, step, broken)
    damaged = int(step == "mend")
    with pytest.raises(AssertionError, match=words):
        Explorer(Limits(frames=2 - damaged, sessions=1, damaged=damaged, ends=False)).run()
