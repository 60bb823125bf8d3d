"""The tracker's state: exact, small, and safe against anything that claims to be one."""

from __future__ import annotations

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walkers import Scene, Walker, line

from ghostpose.errors import DecodeError, ProtocolVersionError
from postprocess.tracking import Tracker
from postprocess.tracking.state import TrackerState, decode_state, encode_state
from postprocess.tracking.tracks import COLUMNS, NEVER, Tracks

SCENE = Scene(
    [Walker(line(40 + 60 * i, 40 - 15 * i), phase=0.2 * i) for i in range(10)],
    hidden=lambda i, t: (i + int(t * 3)) % 5 == 0,
    score=0.43,
)
FRAMES = [(t, people) for t, people, _ in SCENE.frames(10, 2.5)]


def outputs(people):
    return [(p.track, p.box, p.score, p.keypoints_k3.tobytes()) for p in people]


def undisturbed():
    tracker = Tracker("yard")
    tracker.start_session(1)
    return [outputs(tracker.update(people, t)) for t, people in FRAMES], tracker.state()


WANTED, LAST_STATE = undisturbed()


@settings(deadline=None, max_examples=15)
@given(st.sets(st.integers(1, len(FRAMES) - 1), max_size=6))
def test_cut_anywhere_and_resumed_from_its_state_it_goes_on_bit_for_bit(cuts):
    tracker = Tracker("yard")
    tracker.start_session(1)
    got = []
    for k, (t, people) in enumerate(FRAMES):
        if k in cuts:
            tracker = Tracker("yard", state=tracker.state())
            tracker.start_session(1)
        got.append(outputs(tracker.update(people, t)))
    assert got == WANTED
    assert tracker.state() == LAST_STATE


def test_a_state_read_back_is_the_state_written():
    assert encode_state(decode_state(LAST_STATE)) == LAST_STATE


@st.composite
def states(draw) -> TrackerState:
    """Return any state that a tracker may be in: its numbers are anywhere, but possible."""
    rows = draw(st.integers(0, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1e-3, 1.0, 1e4]))
    next_number = draw(st.integers(rows + 1, 2**53))
    media_time = draw(st.floats(-1e10, 1e10))
    number_n = rng.permutation(np.arange(1, rows + 1)) * (rng.random(rows) < 0.8)
    tracks = Tracks(
        number_n=number_n.astype(np.int64),
        seen_at_n=media_time - rng.random(rows) * 6,
        xy_nk2=rng.normal(0, scale, (rows, 18, 2)).astype(np.float32),
        slope_nk2=rng.normal(0, min(scale, 1e3), (rows, 18, 2)).astype(np.float16),
        age_nk=np.where(rng.random((rows, 18)) < 0.3, NEVER, rng.random((rows, 18)) * 10).astype(
            np.float16
        ),
        velocity_n2=rng.normal(0, scale, (rows, 2)).astype(np.float32),
        covariance_n3=np.abs(rng.normal(0, scale, (rows, 3))).astype(np.float32),
        height_n=rng.uniform(4, 1000, rows).astype(np.float32),
    )
    return TrackerState(draw(st.integers(-1, 2**53)), media_time, next_number, tracks)


@settings(deadline=None, max_examples=100)
@given(states())
def test_any_state_is_read_back_as_it_was_written(state):
    data = encode_state(state)
    read = decode_state(data)
    assert encode_state(read) == data
    assert (read.session, read.media_time, read.next_number) == (
        state.session,
        state.media_time,
        state.next_number,
    )
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(read.tracks, name), getattr(state.tracks, name))


def test_ten_tracks_take_less_than_four_kilobytes():
    tracker = Tracker("yard")
    tracker.update(Scene(SCENE.walkers).frames(10, 1).__next__()[1], 0.0)
    assert len(tracker.state()) < 3_200


def test_a_new_tracker_resumes_from_nothing():
    assert Tracker("yard", state=b"").update([], 0.0) == ()


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400))
def test_random_bytes_are_refused_as_such(data):
    with pytest.raises(DecodeError):
        decode_state(data)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(LAST_STATE) - 1), st.integers(0, 255)), max_size=8))
def test_a_damaged_state_is_refused_or_can_be_tracked_from(changes):
    data = bytearray(LAST_STATE)
    for place, value in changes:
        data[place] = value
    try:
        tracker = Tracker("yard", state=bytes(data))
    except DecodeError:
        return
    with np.errstate(all="ignore"):
        tracker.start_session(1)
        for t, people in FRAMES[:3]:
            for found in tracker.update(people, 1e6 + t):
                assert np.isfinite(found.keypoints_k3).all()


FIELDS = msgpack.unpackb(LAST_STATE)


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        (1, -2, "session"),
        (1, True, "session"),
        (2, float("nan"), "time"),
        (2, 3, "time"),
        (3, 0, "next number"),
        (3, 2, "track numbers outside"),
        (3, 2**60, "next number"),
        (4, 10_000_000, "tracks"),
        (4, -1, "tracks"),
        (5, "text", "no bytes"),
        (5, b"short", "bytes for"),
        (2, -5.0, "after the last frame"),
    ],
)
def test_a_field_out_of_range_is_named(place, value, why):
    fields = list(FIELDS)
    fields[place] = value
    with pytest.raises(DecodeError, match=why):
        decode_state(msgpack.packb(fields))


def test_another_version_is_told_apart_from_damage():
    with pytest.raises(ProtocolVersionError, match="version 9"):
        decode_state(msgpack.packb([9, *FIELDS[1:]]))
