"""A camera's last minutes, from samples."""

from __future__ import annotations

import samples
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dashboard.history import (
    HEAT_COLUMNS,
    HEAT_ROWS,
    MAX_TRACKS,
    Moment,
    Stay,
    history_of,
    moment_of,
)


def moment(at: float, *tracks: str) -> Moment:
    return Moment(at, tracks, len(tracks), ((0.5, 0.5),) * len(tracks))


def test_a_track_that_was_away_has_two_stays() -> None:
    moments = [moment(0, "a"), moment(1, "a", "b"), moment(2, "b"), moment(9, "a")]
    history = history_of(moments, 0, 10, every_s=1)
    stays = {line.track: line.stays for line in history.tracks}
    assert stays == {"a": (Stay(0, 1), Stay(9, 9)), "b": (Stay(1, 2),)}
    assert [(point.at, point.people) for point in history.people] == [
        (0, 1), (1, 2), (2, 1), (9, 1),
    ]  # fmt: skip


def test_the_longest_tracks_are_kept_and_the_others_counted() -> None:
    moments = [moment(at, "long", f"short-{at}") for at in range(MAX_TRACKS + 5)]
    history = history_of(moments, 0, 100, every_s=1)
    assert len(history.tracks) == MAX_TRACKS
    assert history.dropped_tracks == 6
    assert history.tracks[0].track == "long"


def test_people_stand_where_their_boxes_end() -> None:
    person = samples.person()
    (foot,) = moment_of(1.0, [person], 768, 576).feet
    left, top, width, height = person.box
    assert foot == ((left + width / 2) / 768, (top + height) / 576)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(-2, 3), st.floats(-2, 3)), max_size=50))
def test_whoever_stands_outside_counts_at_the_edge(feet: list[tuple[float, float]]) -> None:
    history = history_of([Moment(0.0, (), len(feet), tuple(feet))], 0, 1, 1)
    assert len(history.heat_rc) == HEAT_ROWS
    assert all(len(row) == HEAT_COLUMNS for row in history.heat_rc)
    assert sum(map(sum, history.heat_rc)) == len(feet)
