"""A run's counts, from messages to the fields of its last line."""

from __future__ import annotations

import numpy as np
import pytest

from app.summary import CameraTally, total
from ghostpose.types import EventMessage, Person, Policy, PoseMessage


def about(value_ms: float) -> object:
    return pytest.approx(value_ms, rel=0.005)


def pose(seq: int, tracks: tuple[str, ...] = (), captured_at: float = 0.0) -> PoseMessage:
    keypoints_k3 = np.zeros((18, 3), np.float32)
    people = tuple(Person(0.5, (0, 0, 1, 1), keypoints_k3, track) for track in tracks)
    return PoseMessage("a", 1, seq, captured_at, seq / 10, 64, 48, people)


def event(kind: str, seq: int, session: int = 1, **details: object) -> EventMessage:
    return EventMessage(kind, "a", session, seq, details)  # type: ignore[arg-type]


def ended(policy: Policy = "every") -> CameraTally:
    tally = CameraTally(policy)
    tally.add_event(event("session_start", 0))
    tally.add_pose(pose(0, ("a-1",), 0.9), published_ms=1000, committed_ms=1100)
    tally.add_pose(pose(1, ("a-1", "a-2"), 1.0), published_ms=1100, committed_ms=1500)
    tally.add_event(event("gap", 2, reason="stale"))
    tally.add_event(event("gap", 3, reason="poison"))
    tally.add_event(
        event(
            "session_end", 4, frames_read=9, skipped={"rate": 3, "overwritten": 2}, clock_repairs=1
        )
    )
    return tally


def test_frames_are_poses_and_skipped_and_dead() -> None:
    summary = ended().summary()
    assert (summary.frames, summary.poses, summary.skipped, summary.dead) == (9, 2, 6, 1)
    assert summary.frames == summary.poses + summary.skipped + summary.dead


def test_people_are_summed_and_tracks_are_distinct() -> None:
    summary = ended().summary()
    assert (summary.people, summary.tracks) == (3, 2)


def test_fps_is_poses_from_first_publish_to_last_commit() -> None:
    assert ended().summary().fps == pytest.approx(2 / 0.5)


def test_latency_counts_from_publishing_or_from_capture_as_the_policy_says() -> None:
    assert ended("every").summary().latency_ms.p99 == about(400)
    assert ended("latest").summary().latency_ms.p99 == about(500)


def test_nothing_at_all_is_all_zero() -> None:
    summary = total([CameraTally("every")])
    assert (summary.frames, summary.fps, summary.latency_ms.p50) == (0, 0.0, 0.0)
    assert total([]).poses == 0


def test_a_camera_is_finished_only_when_every_message_was_read() -> None:
    tally = CameraTally("every")
    assert not tally.finished
    tally.add_event(event("session_start", 0))
    tally.add_event(event("session_end", 2, frames_read=2, skipped={}))
    assert not tally.finished
    tally.add_pose(pose(0), published_ms=0, committed_ms=1)
    tally.add_pose(pose(1), published_ms=0, committed_ms=1)
    assert tally.finished
    tally.add_event(event("session_start", 0, session=2))
    assert not tally.finished


def test_a_session_that_was_cut_off_does_not_keep_its_camera_open() -> None:
    tally = CameraTally("every")
    tally.add_event(event("session_start", 0))
    tally.add_pose(pose(0), published_ms=0, committed_ms=1)
    tally.add_event(event("gap", 1, reason="stale"))
    tally.add_event(event("session_start", 0, session=2))
    assert not tally.finished
    tally.add_event(event("session_end", 0, session=2, frames_read=5, skipped={"rate": 5}))
    assert tally.finished
    summary = tally.summary()
    assert (summary.frames, summary.poses, summary.skipped) == (2 + 5, 1, 1 + 5)


def test_sessions_of_an_earlier_run_are_not_counted() -> None:
    tally = CameraTally("every")
    tally.add_pose(pose(7, ("a-1",)), published_ms=0, committed_ms=1)
    tally.add_event(event("gap", 8, reason="poison"))
    tally.add_event(event("session_end", 9, frames_read=9, skipped={"rate": 1}))
    assert tally.summary() == CameraTally("every").summary()


def test_a_session_end_with_odd_details_is_counted_as_far_as_it_makes_sense() -> None:
    tally = CameraTally("every")
    tally.add_event(event("session_start", 0))
    tally.add_event(event("session_end", 0, frames_read="many", skipped=["rate"]))
    assert tally.summary().frames == 0


def test_totals_add_cameras_up_and_span_their_times() -> None:
    second = ended()
    second.add_pose(pose(4), published_ms=2000, committed_ms=3000)
    everything = total([ended(), second])
    assert (everything.poses, everything.tracks) == (5, 4)
    assert everything.fps == pytest.approx(5 / 2.0)
    assert everything.latency_ms.p50 == about(400)
    assert everything.latency_ms.p99 == about(1000)
