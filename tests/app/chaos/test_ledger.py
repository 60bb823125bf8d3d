from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import samples

from app.chaos.ledger import MOST_TOLD, Expected, Ledger
from ghostpose.client import EventRecord, PoseRecord
from ghostpose.types import EventMessage, FrameId

if TYPE_CHECKING:
    from collections import Counter

FPS = 10.0
TWO_PEOPLE = Expected(FPS, 2)


def pose(
    seq: int, session: int = 5, camera: str = "lobby", tracks: tuple[str | None, ...] = ()
) -> PoseRecord:
    message = samples.pose(FrameId(camera, session, seq, seq + 1))
    people = tuple(samples.person(track=track) for track in tracks)
    message = replace(message, people=people, media_time=seq / FPS)
    return PoseRecord(camera, f"{seq + 1}-0", seq + 1, seq, message, b"")


def event(kind: str, seq: int, session: int = 5, **details: Any) -> EventRecord:
    message = EventMessage(kind, "lobby", session, seq, details)  # type: ignore[arg-type]
    return EventRecord("lobby", f"{seq + 1}-1", seq + 1, message, b"")


def gap(seq: int, session: int = 5) -> EventRecord:
    return event("gap", seq, session, reason="poison")


def end(poses: int, gaps: int, skipped: int, read: int, session: int = 5) -> EventRecord:
    published = poses + gaps
    return event(
        "session_end", published, session, frames_read=read, skipped={"rate": skipped},
        clock_repairs=0, published=published, poses=poses, gaps=gaps,
    )  # fmt: skip


def broken(*records: PoseRecord | EventRecord, expected: Expected = TWO_PEOPLE) -> Counter[str]:
    ledger = Ledger()
    ledger.open({"lobby": expected, "yard": expected})
    ledger.accept(records)
    assert len(ledger.violations) == ledger.counts.total()
    return ledger.counts


def test_frames_in_order_with_gaps_over_sessions_break_nothing() -> None:
    tracks = ("lobby-1", "lobby-2")
    assert not broken(
        event("session_start", 0),
        pose(0, tracks=tracks), gap(1), pose(2, tracks=tracks),
        # The next session is opened while frames of this one are in flight.
        event("session_start", 0, session=6),
        pose(3, tracks=tracks), end(poses=3, gaps=1, skipped=2, read=6),
        pose(0, session=6, tracks=("lobby-3", "lobby-4")),
    )  # fmt: skip


def test_a_frame_that_never_came_is_lost() -> None:
    assert broken(pose(0), pose(2)) == {"lost": 1}
    assert broken(gap(0), gap(2)) == {"lost": 1}
    assert broken(pose(1)) == {"lost": 1}, "the first one of a session is missed, too"


def test_a_frame_that_came_twice_is_doubled_whatever_it_came_as() -> None:
    assert broken(pose(0), pose(0)) == {"doubled": 1}
    assert broken(pose(0), gap(0)) == {"doubled": 1}
    assert broken(pose(0), pose(1), pose(2), pose(1)) == {"doubled": 1}


def test_a_frame_of_an_older_session_is_out_of_order() -> None:
    assert broken(pose(0, session=6), pose(0, session=5)) == {"disordered": 1}
    opened = [event("session_start", 0, session=session) for session in (6, 5)]
    assert broken(*opened) == {"disordered": 1}


def test_a_picture_lost_before_it_had_a_number_shows_in_media_time() -> None:
    shifted = pose(1)
    shifted = replace(shifted, message=replace(shifted.message, media_time=2 / FPS))
    assert broken(pose(0), shifted) == {"lost": 1}
    assert not broken(pose(0), shifted, expected=Expected())


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        (end(poses=2, gaps=0, skipped=0, read=2), {"unbalanced": 1}),
        (end(poses=1, gaps=0, skipped=3, read=4), {"unbalanced": 2}),
        (end(poses=1, gaps=1, skipped=3, read=6), {"unbalanced": 1}),
    ],
)
def test_a_session_whose_end_tells_other_numbers_is_unbalanced(
    told: EventRecord, kinds: dict[str, int]
) -> None:
    assert broken(pose(0), gap(1), told) == kinds


def test_a_track_on_two_people_two_cameras_or_two_sessions_is_told() -> None:
    assert broken(pose(0, tracks=("lobby-1", "lobby-1"))) == {"tracks": 1}
    assert broken(
        pose(0, tracks=("lobby-1",)), pose(0, camera="yard", tracks=("lobby-1",))
    ) == {"tracks": 1}  # fmt: skip
    assert broken(
        pose(0, tracks=("lobby-1",)), pose(0, session=6, tracks=("lobby-1",))
    ) == {"tracks": 1}  # fmt: skip


def test_people_who_lose_their_tracks_are_told_and_those_without_any_are_not() -> None:
    changed = (pose(0, tracks=("lobby-1", "lobby-2")), pose(1, tracks=("lobby-1", "lobby-3")))
    assert broken(*changed) == {"tracks": 1}
    assert not broken(*changed, expected=Expected(FPS))
    assert not broken(pose(0, tracks=(None, None)))


def test_a_camera_that_nobody_plays_is_told() -> None:
    assert broken(pose(0, camera="cellar")) == {"strange": 1}


def test_all_violations_are_counted_and_some_told() -> None:
    ledger = Ledger()
    ledger.open({"lobby": Expected()})
    ledger.accept([pose(0)] * (MOST_TOLD + 10))
    assert ledger.counts == {"doubled": MOST_TOLD + 9}
    assert len(ledger.violations) == MOST_TOLD
