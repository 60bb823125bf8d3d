"""Questions to the store: the right answers on both databases, and frames in constant memory."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from written import SESSION, end_of_session, event, pose, write

from ghostpose.errors import InvalidValueError, StoreError
from postprocess.store import frames as stored_frames
from postprocess.store import open_database, open_for_reading, queries
from postprocess.store.frames import frames, spans
from postprocess.store.results import PeopleCount, Selection, SessionSpan

T0 = 1.7e9
"""When frame 0 was captured."""


@pytest.fixture(scope="module")
def reader(shared_address: str):
    """Two cameras: `yard` with 30 frames of 0 to 3 people in two sessions, `hall` with 2 frames."""
    fill(shared_address)
    opened = open_for_reading(shared_address)
    yield opened
    opened.dispose()


def fill(address: str) -> None:
    engine = open_database(address)
    first = [pose(seq, people=seq % 4) for seq in range(20)]
    second = [pose(seq, people=1, session=SESSION + 1) for seq in range(20, 30)]
    write(engine, *first, *second, pose(0, camera="hall"), pose(1, camera="hall"))
    write(engine, end_of_session(), event("enter", 3, zone="till", track="yard-2", captured_at=T0))
    engine.dispose()


def test_all_cameras_are_listed_with_the_time_they_cover(reader):
    hall, yard = queries.cameras(reader)
    assert (hall.name, hall.sessions, hall.first_at) == ("hall", 1, T0)
    assert (yard.name, yard.sessions) == ("yard", 2)
    assert (yard.first_at, yard.last_at) == (T0, T0 + 2.9)


def test_the_sessions_of_a_camera_are_listed_oldest_first_with_their_counts(reader):
    first, second = queries.sessions(reader, "yard")
    assert (first.session, first.first_at, first.last_at) == (SESSION, T0, T0 + 1.9)
    assert (first.frames_read, first.frames_published, first.clock_repairs) == (7, 4, 2)
    assert first.skipped == {"rate": 3}
    assert (second.session, second.frames_read, second.skipped) == (SESSION + 1, None, {})


def test_tracks_are_those_seen_at_any_moment_of_the_time(reader):
    seen = queries.tracks(reader, "yard", T0 + 0.35, T0 + 0.95)
    assert [track.track for track in seen] == ["yard-0", "yard-1", "yard-2"]
    assert (seen[0].first_at, seen[0].last_at) == pytest.approx((T0 + 0.1, T0 + 1.9))
    assert (seen[2].first_seq, seen[2].last_seq) == (3, 19)


@pytest.mark.parametrize(
    ("since", "until", "tracks", "count"),
    [
        (-9.0, 9.0, [(5, 0), (5, 1)], 4),  # of 1.8, 1.7, 1.6 and 0.9 s
        (1.5, 9.0, [(5, 0), (6, 0)], 4),  # three are 0.4 s within it; the one of 0.9 s comes later
        (2.0, 2.05, [(6, 0)], 1),
        (9.0, 99.0, [], 0),
    ],
)
def test_the_longest_tracks_of_a_time_come_with_the_number_of_all(
    reader, since, until, tracks, count
):
    kept, there = queries.longest_tracks(reader, "yard", T0 + since, T0 + until, 2)
    assert [(one.session, one.number) for one in kept] == tracks
    assert there == count


@pytest.mark.parametrize(
    ("since", "until", "numbers"),
    [
        (1.9, 2.0, [0, 1, 2]),  # the first session's last frame belongs to it
        (1.91, 2.0, []),
        (0.0, 0.1, []),  # the end does not belong to it
        (2.0, 9.0, [0]),
        (-9.0, 9.0, [0, 1, 2, 0]),
    ],
)
def test_the_begin_of_a_time_belongs_to_it_and_its_end_does_not(reader, since, until, numbers):
    seen = queries.tracks(reader, "yard", T0 + since, T0 + until)
    assert [track.number for track in seen] == numbers


def test_people_are_counted_by_stretches_and_those_without_a_frame_are_left_out(reader):
    counts = queries.people_counts(reader, "yard", T0 - 1, T0 + 9, 1.0)
    assert counts == (
        PeopleCount(T0, 10, 1.3, 3),
        PeopleCount(T0 + 1, 10, 1.7, 3),
        PeopleCount(T0 + 2, 10, 1.0, 1),
    )
    with pytest.raises(InvalidValueError, match="not above 0"):
        queries.people_counts(reader, "yard", T0, T0 + 1, 0)


def test_feet_are_counted_by_cells_and_those_outside_at_the_edge(reader):
    cells = queries.foot_counts(reader, "yard", T0 - 1, T0 + 9, rows=27, columns=48)
    (cell,) = cells  # all samples stand at (60.5, 220.25) of 768 x 576
    assert (cell.row, cell.column, cell.times) == (10, 3, 40)
    assert queries.foot_counts(reader, "yard", T0 + 0.1, T0 + 0.2, rows=1, columns=1)[0].times == 1
    assert queries.foot_counts(reader, "attic", 0, 2e9, rows=27, columns=48) == ()


def test_where_a_track_was_is_told_frame_by_frame(reader):
    poses = queries.track_poses(reader, "yard", "yard-2", SESSION)
    assert [one.seq for one in poses] == [3, 7, 11, 15, 19]
    assert poses[1].captured_at == pytest.approx(T0 + 0.7)
    wanted = pose(7, people=3).people[2]
    assert (poses[1].person.track, poses[1].person.box) == ("yard-2", wanted.box)
    assert abs(poses[1].person.keypoints_k3 - wanted.keypoints_k3).max() < 0.13
    both = queries.track_poses(reader, "yard", "yard-0")
    assert {one.session for one in both} == {SESSION, SESSION + 1}
    with pytest.raises(InvalidValueError, match="hall-2"):
        queries.track_poses(reader, "yard", "hall-2")


def test_what_happened_is_told_with_its_evidence(reader):
    (entered,) = queries.events(reader, "yard", T0, T0 + 1)
    assert (entered.kind, entered.seq, entered.details["zone"]) == ("enter", 3, "till")
    assert queries.events(reader, "yard", T0 + 1, T0 + 2) == ()


def test_a_camera_that_nobody_knows_has_no_answers(reader):
    assert queries.sessions(reader, "attic") == ()
    assert queries.tracks(reader, "attic", 0, 2e9) == ()
    assert queries.people_counts(reader, "attic", 0, 2e9, 60) == ()
    assert list(frames(reader, Selection("attic"))) == []


def test_all_frames_come_back_in_order_page_by_page(reader, monkeypatch):
    monkeypatch.setattr(stored_frames, "FRAMES_A_PAGE", 7)
    came = list(frames(reader, Selection("yard")))
    assert [(one.session, one.seq) for one in came] == [
        *((SESSION, seq) for seq in range(20)),
        *((SESSION + 1, seq) for seq in range(20, 30)),
    ]
    wanted = pose(7, people=3)
    assert [person.track for person in came[7].people] == ["yard-0", "yard-1", "yard-2"]
    assert (came[7].captured_at, came[7].width) == (wanted.captured_at, wanted.width)


@pytest.mark.parametrize(
    ("selection", "seqs"),
    [
        (Selection("yard", session=SESSION + 1), range(20, 30)),
        (Selection("yard", since=T0 + 1.85, until=T0 + 2.1), range(19, 21)),
        (Selection("yard", session=SESSION, since=T0 + 1.75), range(18, 20)),
        (Selection("yard", until=T0), ()),
        (Selection("hall"), range(2)),
    ],
)
def test_a_selection_is_a_session_or_a_time(reader, selection, seqs):
    assert [one.seq for one in frames(reader, selection)] == list(seqs)
    assert sum(span.frames for span in spans(reader, selection)) == len(seqs)


def test_how_much_there_is_is_known_before_it_is_read(reader):
    assert spans(reader, Selection("yard", since=T0 + 1.05)) == (
        SessionSpan(SESSION, 11, 19, 9),
        SessionSpan(SESSION + 1, 20, 29, 10),
    )


def test_an_export_of_an_sqlite_file_holds_no_writer_up(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_frames, "FRAMES_A_PAGE", 7)
    address = f"sqlite:///{tmp_path / 'poses.sqlite'}"
    fill(address)
    reader, writer = open_for_reading(address), open_database(address)
    export = frames(reader, Selection("yard"))
    next(export)
    write(writer, pose(3, people=0), pose(31))
    assert len(list(export)) == 29
    writer.dispose()
    reader.dispose()


def test_who_reads_an_sqlite_file_changes_nothing(tmp_path):
    address = f"sqlite:///{tmp_path / 'poses.sqlite'}"
    with pytest.raises(StoreError, match="there is no database"):
        open_for_reading(address)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "poses.sqlite").touch()
    with pytest.raises(StoreError, match="holds no poses"):
        open_for_reading(address)
    open_database(address).dispose()
    engine = open_for_reading(address)
    with engine.connect() as connection, pytest.raises(DBAPIError, match="readonly"):
        connection.execute(text("DELETE FROM poses"))
    engine.dispose()


def test_times_that_are_none_are_refused():
    with pytest.raises(InvalidValueError, match="must be finite"):
        Selection("yard", since=float("nan"))
