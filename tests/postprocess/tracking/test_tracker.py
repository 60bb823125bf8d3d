"""The tracker on synthetic people: ids that hold, ids that are never reused, nothing lost."""

from __future__ import annotations

import numpy as np
import pytest
from walkers import Scene, Walker, ids_by_walker, line, person

from ghostpose.errors import InvalidValueError
from postprocess.tracking import Tracker, TrackerOptions

ONE = Walker(line(50, 60))


def standing(x: float = 100.0, score: float = 0.75):
    return person(Walker(line(x, 0)).keypoints(0.0), score)


def numbers(people) -> list[str]:
    return [found.track for found in people]


@pytest.mark.parametrize("every", [1, 2, 3], ids=["10 fps", "5 fps", "3.3 fps"])
@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(Scene([Walker(line(50, 60))]), id="a lone walker keeps one id"),
        pytest.param(
            Scene([Walker(line(50, 60)), Walker(line(650, -60), phase=0.3)]),
            id="two who cross keep their ids",
        ),
        pytest.param(
            Scene(
                [Walker(line(50, 60)), Walker(line(650, -60), phase=0.3)],
                hidden=lambda i, t: i == 1 and 4.4 < t < 5.6,
            ),
            id="one hidden behind the other for a second comes back under its id",
        ),
        pytest.param(
            Scene(
                [Walker(line(50, 60)), Walker(line(290, 40), phase=0.3)],
                hidden=lambda i, t: i == 1 and 3 < t < 3.9,
            ),
            id="a missed walker is not taken over by the one who follows",
        ),
        pytest.param(
            Scene([Walker(line(40 + 70 * i, 30), phase=0.2 * i) for i in range(8)]),
            id="eight in a row keep their ids",
        ),
        pytest.param(
            Scene([Walker(line(50, 0)), Walker(line(160, 0))], noise=0.02, missing=0.3),
            id="a third of the key points missing bothers nobody",
        ),
    ],
)
def test_ids_hold(scene: Scene, every: int):
    had = ids_by_walker(Tracker("yard"), scene.frames(10, 10, every))
    assert [len(ids) for ids in had] == [1] * len(scene.walkers), had
    assert len({ids[0] for ids in had}) == len(scene.walkers)


def test_the_same_walk_at_any_frame_rate_gives_the_same_ids_and_nearly_the_same_place():
    ends = []
    for every in (1, 2, 5):
        tracker = Tracker("yard")
        for t, people, _ in Scene([ONE], noise=0, missing=0).frames(25, 8.01, every):
            (found,) = tracker.update(people, t)
        assert found.track == "yard-1"
        ends.append(found.keypoints_k3[1, 0] - ONE.x(t))
    assert np.ptp(ends) < 1.0


def test_frames_dropped_at_random_do_not_bend_a_track():
    rng = np.random.default_rng(4)
    scene = Scene([Walker(line(50, 60)), Walker(line(650, -60), phase=0.3)])
    kept = (frame for frame in scene.frames(10, 10) if rng.random() < 0.5)
    assert [len(ids) for ids in ids_by_walker(Tracker("yard"), kept)] == [1, 1]


def test_people_are_returned_in_the_order_given():
    tracker = Tracker("yard")
    left, middle, right = standing(100), standing(300), standing(500)
    assert numbers(tracker.update([left, middle, right], 0.0)) == ["yard-1", "yard-2", "yard-3"]
    assert numbers(tracker.update([right, left, middle], 0.1)) == ["yard-3", "yard-1", "yard-2"]


def test_a_confident_newcomer_has_an_id_at_first_sight():
    assert numbers(Tracker("yard").update([standing()], 0.0)) == ["yard-1"]


def test_a_weak_newcomer_is_reported_when_seen_again_and_takes_no_number_before():
    tracker, weak = Tracker("yard"), standing(score=0.3)
    assert tracker.update([weak], 0.0) == ()
    assert numbers(tracker.update([standing(400), weak], 0.1)) == ["yard-2", "yard-1"]


def test_a_single_weak_sighting_leaves_no_trace():
    tracker = Tracker("yard")
    assert tracker.update([standing(score=0.3)], 0.0) == ()
    for k in range(1, 20):
        assert tracker.update([], k / 10) == ()
    assert numbers(tracker.update([standing(400)], 2.0)) == ["yard-1"]
    assert tracker.update([standing(score=0.3), standing(400)], 2.1)[0].track == "yard-1"


def test_a_bone_or_two_never_become_a_person_but_continue_one():
    tracker, bones = Tracker("yard"), standing(score=0.1)
    for k in range(10):
        assert tracker.update([bones], k / 10) == ()
    assert numbers(tracker.update([standing()], 1.0)) == ["yard-1"]
    assert numbers(tracker.update([bones], 1.1)) == ["yard-1"]


def test_a_weak_sighting_keeps_a_track_alive():
    tracker = Tracker("yard")
    tracker.update([standing()], 0.0)
    for k in range(1, 60):
        assert numbers(tracker.update([standing(score=0.1)], k / 10)) == ["yard-1"]


def test_who_comes_back_within_the_window_keeps_the_id_and_later_gets_a_new_one():
    options = TrackerOptions(max_lost_s=2.0)
    for away_s, wanted in ((1.9, "yard-1"), (2.2, "yard-2")):
        tracker = Tracker("yard", options)
        for k in range(5):
            tracker.update([standing()], k / 10)
        tracker.update([], 0.5)
        assert numbers(tracker.update([standing()], 0.4 + away_s)) == [wanted]


def test_a_new_session_forgets_people_but_never_reuses_a_number():
    tracker = Tracker("yard")
    tracker.start_session(7)
    tracker.update([standing(), standing(300)], 5.0)
    tracker.start_session(7)
    assert numbers(tracker.update([standing()], 5.1)) == ["yard-1"]
    tracker.start_session(8)
    assert numbers(tracker.update([standing()], 0.0)) == ["yard-3"]


def test_a_tracker_whose_state_was_lost_counts_on_from_where_it_is_told():
    tracker = Tracker.numbering_from("yard", TrackerOptions(), 1_700_000_000)
    assert numbers(tracker.update([standing()], 0.0)) == ["yard-1700000000"]


def test_two_people_in_one_place_are_two_tracks():
    found = Tracker("yard").update([standing(), standing()], 0.0)
    assert len(set(numbers(found))) == 2


def test_media_time_that_stands_still_or_goes_back_does_no_harm():
    tracker = Tracker("yard")
    for t in (1.0, 1.0, 0.5, 0.5000001, 1e9):
        (found,) = tracker.update([standing()], t)
        assert np.isfinite(found.keypoints_k3).all()


def test_a_person_of_a_single_key_point_is_tracked_by_where_it_is():
    points = np.zeros((18, 3), np.float32)
    points[0] = (100, 100, 0.9)
    tracker = Tracker("yard")
    assert numbers(tracker.update([person(points)], 0.0)) == ["yard-1"]
    assert numbers(tracker.update([person(points)], 0.1)) == ["yard-1"]


def test_a_hundred_and_fifty_people_are_tracked_without_a_cap():
    people = [standing(40.0 * i) for i in range(150)]
    tracker = Tracker("yard")
    first = numbers(tracker.update(people, 0.0))
    assert len(set(first)) == 150
    assert numbers(tracker.update(people[::-1], 0.1)) == first[::-1]


def test_missing_key_points_stay_missing_and_scores_stay_as_given():
    walker = ONE.keypoints(0.0)
    walker[4] = 0
    given = person(walker)
    tracker = Tracker("yard")
    tracker.update([standing(50)], 0.0)
    (found,) = tracker.update([given], 0.1)
    assert (found.keypoints_k3[4] == 0).all()
    assert (found.keypoints_k3[:, 2] == given.keypoints_k3[:, 2]).all()
    assert found.score == given.score


def test_the_box_holds_the_whole_body_and_trembles_less_than_the_key_points():
    tracker, rng, heights = Tracker("yard"), np.random.default_rng(0), []
    for k in range(30):
        points = Walker(line(100, 0)).keypoints(0.0)
        points[:, :2] += rng.normal(0, 2, (18, 2))
        (found,) = tracker.update([person(points)], k / 10)
        left, top, width, height = found.box
        low, high = found.keypoints_k3[:, :2].min(0), found.keypoints_k3[:, :2].max(0)
        assert left < low[0] < high[0] < left + width
        assert top < low[1] < high[1] < top + height
        heights.append(height)
    assert np.std(heights[10:]) < 1.5


def test_boxes_end_at_the_edges_of_the_picture():
    left, top, width, height = Tracker("yard").update([standing(5)], 0.0, (640, 210))[0].box
    assert (left, top + height) == (0, 209)
    assert width < 60
    assert 90 < top < 105


@pytest.mark.parametrize(
    "options",
    [{"max_lost_s": 0.0}, {"min_affinity": float("nan")}, {"birth_score": -1.0}],
    ids=str,
)
def test_options_out_of_range_are_refused_by_name(options):
    with pytest.raises(InvalidValueError, match=next(iter(options))):
        TrackerOptions(**options)


def test_who_comes_in_at_the_edge_is_not_taken_for_who_left_there():
    leaves = Walker(line(500, 60))
    comes = Walker(lambda t: 640 - 60 * (t - 4.5), phase=0.3)
    tracker = Tracker("yard")
    had = {}
    for k in range(80):
        t = k / 10
        for name, walker in (("leaves", leaves), ("comes", comes)):
            if 0 <= walker.x(t) < 640:
                (found,) = tracker.update([person(walker.keypoints(t))], t, (640, 480))
                had.setdefault(name, set()).add(found.track)
        if not any(0 <= walker.x(t) < 640 for walker in (leaves, comes)):
            tracker.update([], t, (640, 480))
    assert had == {"leaves": {"yard-1"}, "comes": {"yard-2"}}


def test_who_stands_hidden_for_five_seconds_is_the_same_afterwards():
    had = ids_by_walker(
        Tracker("yard"),
        Scene([Walker(line(300, 0))], hidden=lambda _i, t: 2 < t < 7).frames(10, 10),
    )
    assert [len(ids) for ids in had] == [1]


def test_an_arm_left_over_beside_its_body_is_nobody_new():
    tracker, whole = Tracker("yard"), Walker(line(100, 0)).keypoints(0.0)
    arm, rest = np.zeros_like(whole), whole.copy()
    arm[[5, 6, 7]], rest[[5, 6, 7]] = whole[[5, 6, 7]], 0
    assert numbers(tracker.update([person(whole)], 0.0)) == ["yard-1"]
    for k in range(1, 20):
        found = tracker.update([person(arm, 0.45), person(rest)], k / 10)
        assert numbers(found) == ["yard-1"]


def test_somebody_who_appears_close_beside_another_is_somebody_new():
    tracker = Tracker("yard")
    tracker.update([standing(100)], 0.0)
    both = tracker.update([standing(100), standing(130, score=0.6)], 0.1)
    assert numbers(both) == ["yard-1", "yard-2"]
