"""The tracker in a street with known truth: crossings, occlusions, ghosts, at several frame rates.

And what must hold whatever happens there: no id twice, no order, no harm from gaps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from street import HEIGHT, WIDTH, Street, scores_of

from app.track_evaluation.greedy import GreedyMatcher
from postprocess.tracking import Tracker

SIZE = (WIDTH, HEIGHT)
STREET = Street(seed=1, people=10, seconds=30)
SEEN = [(t, people) for t, people, _ in STREET.frames()]


@pytest.mark.parametrize(
    ("every", "least_idf1", "most_switches"),
    [(1, 0.85, 6), (3, 0.85, 6), (5, 0.80, 8)],
    ids=["10 fps", "3.3 fps", "2 fps"],
)
def test_people_keep_their_ids_through_crossings_and_behind_a_board(
    every: int, least_idf1: float, most_switches: int
) -> None:
    scores = scores_of(STREET, Tracker("street").update, every=every)
    classic = scores_of(STREET, GreedyMatcher().update, every=every)
    assert scores.idf1 > least_idf1
    assert scores.id_switches <= most_switches
    assert scores.id_switches <= classic.id_switches / 2


def ids(people) -> list[str]:
    return [person.track for person in people]


@settings(deadline=None, max_examples=10)
@given(st.randoms(use_true_random=False))
def test_the_order_of_candidates_changes_nothing(random) -> None:
    straight, shuffled = Tracker("street"), Tracker("street")
    names: dict[str, str] = {}
    for t, people in SEEN[100:130]:
        order = list(range(len(people)))
        random.shuffle(order)
        one = straight.update(people, t, SIZE)
        other = shuffled.update([people[i] for i in order], t, SIZE)
        # Numbers are given in the order of candidates, so newcomers of one frame may swap names.
        by_score = {(p.score, p.keypoints_k3[:, 2].tobytes()): p for p in other}
        assert len(one) == len(other)
        for person in one:
            twin = by_score[person.score, person.keypoints_k3[:, 2].tobytes()]
            assert names.setdefault(person.track, twin.track) == twin.track
            np.testing.assert_allclose(twin.keypoints_k3, person.keypoints_k3, atol=1e-2)


@settings(deadline=None, max_examples=10)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from([0.1, 0.5, 3.0, 100.0])), max_size=12)
)
def test_no_id_is_ever_given_twice_whatever_is_skipped_and_whatever_session_begins(jumps) -> None:
    tracker, session, frame, now = Tracker("street"), 1, 0, 0.0
    owner: dict[str, int] = {}
    highest = 0
    for skip, pause_s in jumps:
        if pause_s > 10:
            session, now = session + 1, 0.0
        tracker.start_session(session)
        frame, now = (frame + skip) % len(SEEN), now + pause_s
        found = ids(tracker.update(SEEN[frame][1], now, SIZE))
        assert len(set(found)) == len(found)
        for track in found:
            assert owner.setdefault(track, session) == session
        new = [n for n in (int(track.rpartition("-")[2]) for track in found) if n > highest]
        highest = max([highest, *new])
    assert len(owner) <= highest


@pytest.mark.parametrize("gap_s", [0.0, 1e-9, 7.0, 3600.0, 1e8])
def test_a_gap_of_any_length_leaves_positions_finite_and_the_tracker_working(gap_s: float) -> None:
    tracker = Tracker("street")
    for t, people in SEEN[100:110]:
        tracker.update(people, t, SIZE)
    later = SEEN[109][0] + gap_s
    for person in tracker.update(SEEN[110][1], later, SIZE):
        assert np.isfinite(person.keypoints_k3).all()
    again = tracker.update(SEEN[110][1], later + 0.1, SIZE)
    assert len(again) >= len([p for p in SEEN[110][1] if p.score >= 0.4])


def test_scaling_the_whole_picture_changes_no_id() -> None:
    small, large = Tracker("street"), Tracker("street")
    for t, people in SEEN[:120]:
        scaled = [
            replace(p, keypoints_k3=(p.keypoints_k3 * np.float32([4, 4, 1])).astype(np.float32))
            for p in people
        ]
        one = small.update(people, t, SIZE)
        other = large.update(scaled, t, (4 * WIDTH, 4 * HEIGHT))
        assert ids(one) == ids(other)
