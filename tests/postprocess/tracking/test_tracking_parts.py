"""The tracker's parts: motion, smoothing, matching."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numba.core.dispatcher import Dispatcher
from walkers import Scene, Walker, line

from ghostpose.skeleton import KEYPOINTS
from postprocess.grouping import body
from postprocess.tracking import (
    Tracker,
    TrackerOptions,
    affinity,
    association,
    matching,
    motion,
    smoothing,
    warm_up,
)
from postprocess.tracking.affinity import crowding, track_boxes
from postprocess.tracking.matching import match, match_rounds
from postprocess.tracking.motion import body_offsets, correct, predict
from postprocess.tracking.tracks import NEVER, Tracks

OPTIONS = TrackerOptions()


def one_track(velocity=(50.0, 0.0)) -> Tracks:
    points = Walker(line(100, 0)).keypoints(0.0)[None]
    return Tracks(
        number_n=np.array([1]),
        seen_at_n=np.array([0.0]),
        xy_nk2=points[..., :2].copy(),
        slope_nk2=np.zeros((1, 18, 2), np.float16),
        age_nk=np.zeros((1, 18), np.float16),
        velocity_n2=np.array([velocity], np.float32),
        covariance_n3=np.array([[0.001, 0.0, 0.1]], np.float32),
        height_n=np.array([120.0], np.float32),
    )


def test_three_short_steps_predict_what_one_long_step_predicts():
    once = predict(one_track(), 0.3, OPTIONS)
    thrice = one_track()
    for _ in range(3):
        thrice = predict(thrice, 0.1, OPTIONS)
    np.testing.assert_allclose(thrice.xy_nk2, once.xy_nk2, rtol=1e-4)
    np.testing.assert_allclose(thrice.covariance_n3, once.covariance_n3, rtol=0.05)


def test_what_is_seen_far_from_the_prediction_pulls_body_and_velocity_along():
    moved = one_track((0.0, 0.0))
    seen = np.ones((1, 18, 3), np.float32)
    seen[..., :2] = moved.xy_nk2 + np.float32([8.0, 0.0])
    offset, certainty = body_offsets(moved, seen, OPTIONS)
    np.testing.assert_allclose(offset, [[8.0, 0.0]], atol=1e-4)
    after = correct(predict(moved, 0.1, OPTIONS), offset, certainty, OPTIONS)
    assert 5 < after.xy_nk2[0, 0, 0] - moved.xy_nk2[0, 0, 0] <= 8
    assert after.velocity_n2[0, 0] > 5


def test_without_a_common_key_point_the_middles_tell_the_way():
    track = one_track()
    only_head = np.full((1, 18), NEVER)
    only_head[0, 0] = 0
    track = Tracks(**{f: getattr(track, f) for f in track.__slots__} | {"age_nk": only_head})
    feet = np.zeros((1, 18, 3), np.float32)
    feet[0, 10] = (*(track.xy_nk2[0, 0] + [5, 90]), 0.9)
    offset, certainty = body_offsets(track, feet, OPTIONS)
    assert certainty[0] == 0
    np.testing.assert_allclose(offset, [[5, 90]], atol=1e-3)


def smoothed_path(walker: Walker, noise: float, fps: float = 25, seconds: float = 6):
    tracker, times, path = Tracker("yard"), [], []
    for t, people, _ in Scene([walker], noise=noise, missing=0).frames(fps, seconds):
        (found,) = tracker.update(people, t)
        times.append(t)
        path.append(found.keypoints_k3[:, :2])
    return np.array(times), np.array(path)


def test_a_still_person_trembles_less_than_it_is_measured():
    _, path = smoothed_path(Walker(line(100, 0), steps_hz=0.0), noise=0.01)
    assert path[25:].std(0).mean() < 0.6 * 0.01 * 120


def test_walking_causes_no_lag():
    walker = Walker(line(50, 120), steps_hz=0.0)
    times, path = smoothed_path(walker, noise=0.0)
    truth = np.array([walker.keypoints(t)[1, 0] for t in times])
    late_s = (truth - path[:, 1, 0])[50:] / 120
    assert np.abs(late_s).max() < 0.005


def test_a_swinging_ankle_lags_less_than_one_frame():
    walker = Walker(line(100, 0), steps_hz=1.0)
    times, path = smoothed_path(walker, noise=0.0)
    truth = np.array([walker.keypoints(t)[10, 0] for t in times])
    errors = [
        np.abs(np.interp(times[50:-5] - lag, times, truth) - path[50:-5, 10, 0]).mean()
        for lag in np.arange(0, 0.1, 0.005)
    ]
    assert np.argmin(errors) * 0.005 < 0.04


def test_matching_maximises_the_sum_and_not_the_first_pair():
    affinity = np.array([[0.9, 0.8], [0.8, 0.0]], np.float32)
    row, column = match(affinity)
    assert list(zip(row, column, strict=True)) == [(0, 1), (1, 0)]


def test_pairs_of_no_affinity_are_never_matched():
    affinity = np.array([[0.5, 0.0], [0.0, 0.0]], np.float32)
    row, column = match(affinity)
    assert list(zip(row, column, strict=True)) == [(0, 0)]


def test_later_rounds_take_only_what_is_left():
    first = np.array([[0.5, 0.0], [0.0, 0.0]], np.float32)
    second = np.array([[0.9, 0.9], [0.9, 0.9]], np.float32)
    row, column = match_rounds([first, second])
    assert list(zip(row, column, strict=True)) == [(0, 0), (1, 1)]


def test_nobody_matches_nothing():
    row, column = match(np.zeros((0, 3), np.float32))
    assert len(row) == len(column) == 0


def test_a_neighbours_arm_does_not_pull_the_body_along():
    track = one_track((0.0, 0.0))
    seen = np.ones((1, 18, 3), np.float32)
    seen[..., :2] = track.xy_nk2 + np.float32([3.0, 0.0])
    arm = [KEYPOINTS.index(name) for name in ("left_shoulder", "left_elbow", "left_wrist")]
    seen[:, arm, 0] += 60
    offset, certainty = body_offsets(track, seen, OPTIONS)
    np.testing.assert_allclose(offset, [[3.0, 0.0]], atol=0.5)
    seen[:, arm, 0] -= 60
    _, undisturbed = body_offsets(track, seen, OPTIONS)
    assert certainty[0] < undisturbed[0] - 1


def test_a_body_that_another_covers_follows_what_is_seen_less():
    alone, beside = one_track(), one_track()
    pair = alone.followed_by(replace(beside, number_n=np.array([2]), xy_nk2=beside.xy_nk2 + 4))
    far = replace(beside, number_n=np.array([2]), xy_nk2=beside.xy_nk2 + 500)
    apart = alone.followed_by(far)
    assert crowding(pair, track_boxes(pair), since=0.0).min() > 0.5
    assert crowding(apart, track_boxes(apart), since=0.0).max() == 0
    assert crowding(pair, track_boxes(pair), since=1.0).max() == 0
    assert crowding(alone, track_boxes(alone), since=0.0).tolist() == [0]


def compiled() -> dict[str, int]:
    """Return in how many forms each kernel was compiled or loaded by now."""
    modules = (body, motion, smoothing, affinity, association, matching)
    found = [(name, value) for module in modules for name, value in vars(module).items()]
    return {name: len(value.signatures) for name, value in found if isinstance(value, Dispatcher)}


def test_after_warming_up_no_frame_waits_for_a_kernel_to_be_compiled():
    warm_up()
    warm = compiled()
    walkers = [Walker(line(60 + 50 * i, 60), phase=0.2 * i) for i in range(6)]
    scene = Scene(walkers, hidden=lambda i, t: (i + int(t * 3)) % 4 == 0)
    tracker = Tracker("yard")
    for t, people, _ in scene.frames(10, 4):
        tracker = Tracker("yard", state=tracker.state())
        tracker.update(people, t, (640, 480))
    assert compiled() == warm
