"""The tracker: gives each person of a frame the id of the track it continues, or a new one.

`step` is the pure core, `Tracker` holds a camera's state between frames. What decides:

- Every person in a pose message has an id. A confident newcomer gets one at first sight; a weak one
  (below `birth_score`) is remembered, not reported, and gets its id when it is seen a second time.
  So ids never flicker over single ghosts, and nobody waits who is plainly there.
- Four rounds: confident people with tracks expected where they are; weak people with tracks that
  were seen a moment ago; confident people left over with tracks that may be there by now, out of
  sight for up to `max_lost_s`; and those still left with tentative tracks, so that a ghost never
  takes somebody from a track that lasts.
- A lost track that walks out of the picture is over, and whoever is just coming in at its edge
  continues a track only where that is expected: who enters isn't taken for who left.
- Numbers come from a counter in the state, over all sessions: none is ever given twice.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ghostpose.skeleton import NUM_KEYPOINTS
from ghostpose.types import Person, check_camera_name
from postprocess.grouping.body import body_boxes, within
from postprocess.tracking.affinity import (
    Size,
    affinities,
    crowding,
    shares_inside,
    track_boxes,
)
from postprocess.tracking.association import associate, newcomers
from postprocess.tracking.motion import body_offsets, correct, predict
from postprocess.tracking.options import TrackerOptions
from postprocess.tracking.smoothing import smooth
from postprocess.tracking.state import MAX_TRACKS, TrackerState, decode_state, encode_state
from postprocess.tracking.tracks import NEVER, Sightings, Tracks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postprocess.tracking.tracks import Floats, Indices

MIN_STEP_S: Final = 1e-3
"""Frames closer than this in media time count as this far apart: no division by nothing."""

_NOBODY: Final = Tracks.none()


class Tracker:
    """Tracks the people of one camera.

    Args:
        camera: its name; ids are `<camera>-<n>`.
        options: see `TrackerOptions`.
        state: what `state()` returned after an earlier frame; empty for a new camera.

    Raises:
        DecodeError: `state` is damaged; `ProtocolVersionError` if it is of another version.
    """

    def __init__(
        self, camera: str, options: TrackerOptions | None = None, state: bytes = b""
    ) -> None:
        self._camera = check_camera_name(camera)
        self._options = options or TrackerOptions()
        self._state = decode_state(state) if state else TrackerState()

    @classmethod
    def numbering_from(
        cls, camera: str, options: TrackerOptions | None, next_number: int
    ) -> Tracker:
        """Return a tracker for a camera whose state was lost; its ids start at `next_number`."""
        tracker = cls(camera, options)
        tracker._state = TrackerState(next_number=next_number)
        return tracker

    def start_session(self, session: int) -> None:
        """Forget all people (their media time is over) unless `session` is the current one."""
        self._state = self._state.in_session(session)

    def update(
        self, people: Sequence[Person], media_time: float, size: Size | None = None
    ) -> tuple[Person, ...]:
        """Return the people of the frame at `media_time` (seconds, growing), tracked and smoothed.

        Same order as given; weak newcomers are left out until they are seen again. Boxes are those
        of whole bodies, cut off at the edges of a picture of `size` (width, height) if it is given.
        """
        self._state, tracked = step(
            self._state, people, media_time, self._camera, self._options, size
        )
        return tracked

    def state(self) -> bytes:
        """Return all that is needed to go on exactly from here."""
        return encode_state(self._state)


def warm_up() -> None:
    """Compile the kernels, or load them, so that the first frame isn't held up by seconds."""
    tracker = Tracker("nobody")
    person = Person(1.0, (0.0, 0.0, 1.0, 1.0), np.ones((NUM_KEYPOINTS, 3), np.float32))
    for media_time, people in ((0.0, [person]), (0.1, [person]), (0.2, [])):
        tracker.update(people, media_time, (8, 8))


def step(
    state: TrackerState,
    people: Sequence[Person],
    media_time: float,
    camera: str,
    options: TrackerOptions,
    size: Size | None = None,
) -> tuple[TrackerState, tuple[Person, ...]]:
    """Return the state after one frame and its people with ids: the tracker as a function."""
    # Move every track that may still come back on to this frame's time; measure who is here now.
    dt_s = _elapsed_s(state.media_time, media_time)
    tracks = predict(_waited_for(state.tracks, media_time, options), dt_s, options)
    box_n4, seen = track_boxes(tracks), Sightings.of(people)
    # Who is whom? Confident people first, then weak ones, then people who may have come back.
    alike = affinities(tracks, box_n4, seen, size, options)
    row, person = associate(tracks, seen, alike, media_time, options)
    # Matched tracks learn: where the body went, then each key point's own movement, smoothed.
    crowded_n = crowding(tracks, box_n4, media_time - options.fresh_s)[row]
    matched = _learn(tracks.rows(row), seen.keypoints_pk3[person], crowded_n, dt_s, options)
    matched = _grow_up(matched, seen.height_p[person], media_time, dt_s, options)
    # A second sighting makes a tentative track real: only now it takes a number.
    matched, next_number = _number(matched, state.next_number)
    # Unmatched people are born, with a number at once if they are plainly there.
    others = newcomers(seen, alike.expected_np[row], person, options)
    born, next_number = _births(seen, others, media_time, next_number, options)
    # Unmatched tracks stay, but tentative ones for a moment only, and none that left the picture.
    lost = tracks.rows(_worth_keeping(tracks, box_n4, row, media_time, size, options))
    here = matched.followed_by(born)
    reported = _report(people, seen, here, np.concatenate([person, others]), camera, size)
    after = here.followed_by(lost).first(MAX_TRACKS)
    return replace(state, media_time=media_time, next_number=next_number, tracks=after), reported


def _elapsed_s(before: float, now: float) -> float:
    return max(now - before, MIN_STEP_S) if np.isfinite(before) else MIN_STEP_S


def _waited_for(tracks: Tracks, media_time: float, options: TrackerOptions) -> Tracks:
    waited_n = media_time - tracks.seen_at_n <= options.max_lost_s
    return tracks if waited_n.all() else tracks.rows(waited_n)


def _learn(
    tracks: Tracks,
    keypoints_nk3: Floats,
    crowded_n: Floats,
    dt_s: float,
    options: TrackerOptions,
) -> Tracks:
    offset_n2, certainty_n = body_offsets(tracks, keypoints_nk3, options)
    # Where two bodies cover each other, key points are mixed up: there motion is believed more.
    certainty_n = certainty_n / (1 + np.float32(options.crowd_doubt) * crowded_n)
    moved = correct(tracks, offset_n2, certainty_n, options)
    return smooth(moved, keypoints_nk3, dt_s, options)


def _grow_up(
    tracks: Tracks, height_n: Floats, media_time: float, dt_s: float, options: TrackerOptions
) -> Tracks:
    blend = np.float32(1 - math.exp(-dt_s / options.size_memory_s))
    grown = tracks.height_n * (height_n / tracks.height_n) ** blend
    return replace(
        tracks,
        height_n=grown.astype(np.float32),
        seen_at_n=np.full(len(tracks), media_time),
    )


def _number(tracks: Tracks, next_number: int) -> tuple[Tracks, int]:
    unnumbered = np.flatnonzero(tracks.number_n == 0)
    count = len(unnumbered)
    if not count:
        return tracks, next_number
    number_n = tracks.number_n.copy()
    number_n[unnumbered] = np.arange(next_number, next_number + count)
    return replace(tracks, number_n=number_n), next_number + count


def _births(
    seen: Sightings,
    others: Indices,
    media_time: float,
    next_number: int,
    options: TrackerOptions,
) -> tuple[Tracks, int]:
    count = len(others)
    if not count:
        return _NOBODY, next_number
    keypoints = seen.keypoints_pk3[others]
    number = np.zeros(count, np.int64)
    plain = seen.score_p[others] >= options.birth_score
    number[plain] = np.arange(next_number, next_number + int(plain.sum()))
    variances = (options.measurement**2, 0.0, options.start_speed**2)
    born = Tracks(
        number_n=number,
        seen_at_n=np.full(count, media_time),
        xy_nk2=np.ascontiguousarray(keypoints[..., :2]),
        slope_nk2=np.zeros((*keypoints.shape[:2], 2), np.float16),
        age_nk=np.where(keypoints[..., 2] > 0, np.float16(0), NEVER),
        velocity_n2=np.zeros((count, 2), np.float32),
        covariance_n3=np.tile(np.array(variances, np.float32), (count, 1)),
        height_n=seen.height_p[others],
    )
    return born, next_number + int(plain.sum())


def _worth_keeping(
    tracks: Tracks,
    box_n4: Floats,
    matched: Indices,
    media_time: float,
    size: Size | None,
    options: TrackerOptions,
) -> Indices:
    """Return which tracks nobody matched may still come back."""
    kept_n = (tracks.number_n > 0) | (media_time - tracks.seen_at_n <= options.tentative_s)
    kept_n[matched] = False
    if size is not None and kept_n.any():
        kept_n &= shares_inside(box_n4, size) > options.inside_share
    return np.flatnonzero(kept_n)


def _report(
    people: Sequence[Person],
    seen: Sightings,
    tracks: Tracks,
    person: Indices,
    camera: str,
    size: Size | None,
) -> tuple[Person, ...]:
    """Row i of `tracks` is person `person[i]`; return those with a number, in their own order."""
    row = np.argsort(person, kind="stable")
    row = row[tracks.number_n[row] > 0]
    if not len(row):
        return ()
    found = [people[index] for index in person[row].tolist()]
    keypoints_pk3 = seen.keypoints_pk3[person[row]]
    seen_pk1 = keypoints_pk3[..., 2:] > 0
    keypoints_pk3[..., :2] = np.where(seen_pk1, tracks.xy_nk2[row], keypoints_pk3[..., :2])
    # A track's height trembles less than a sighting's.
    box_p4 = body_boxes(keypoints_pk3, tracks.height_n[row])
    if size is not None:
        box_p4 = within(box_p4, size)
    return tuple(
        Person(
            one.score,
            (left, top, right - left, bottom - top),
            keypoints_k3,
            f"{camera}-{number}",
        )
        for one, number, (left, top, right, bottom), keypoints_k3 in zip(
            found, tracks.number_n[row].tolist(), box_p4.tolist(), keypoints_pk3, strict=True
        )
    )
