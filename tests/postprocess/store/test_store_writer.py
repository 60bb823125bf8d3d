"""Writing messages: the right rows, once, whatever comes twice or in whatever order."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
import samples
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import DBAPIError
from written import end_of_session, event, pose, write

from ghostpose.errors import InvalidValueError, StoreError
from postprocess.store import open_database
from postprocess.store import schema as tables
from postprocess.store.faults import is_fault_of_the_data
from postprocess.store.keypoints import unpack_keypoints
from postprocess.store.rows import track_number


def content(engine) -> dict[str, list[tuple[object, ...]]]:
    with engine.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table)).all()), key=str)
            for table in tables.metadata.sorted_tables
        }


@pytest.fixture
def engine(address: str):
    opened = open_database(address)
    yield opened
    opened.dispose()


def test_a_pose_becomes_a_row_its_people_and_their_tracks(engine):
    message = pose(3)
    write(engine, message)
    rows = content(engine)
    assert rows["cameras"] == [(1, "yard", -1, -1)]
    assert rows["poses"] == [(1, 5, 3, message.captured_at, message.media_time, 768, 576, 2)]
    times = (message.captured_at, message.captured_at)
    assert rows["tracks"] == [(1, 0, 5, 3, 3, *times), (1, 1, 5, 3, 3, *times)]
    assert [row[:4] for row in rows["people"]] == [(1, 0, 5, 3), (1, 1, 5, 3)]
    stored = unpack_keypoints(bytes(rows["people"][1][-1]))
    assert abs(stored - message.people[1].keypoints_k3).max() < 0.13


def test_the_same_messages_twice_and_in_any_order_give_the_same_rows(engine):
    messages = [pose(seq, people=seq % 4) for seq in range(12)]
    messages += [pose(seq, camera="hall") for seq in range(3)]
    messages += [event("gap", 12, reason="stale"), event("session_start"), end_of_session()]
    write(engine, *sorted(messages, key=lambda m: m.camera))
    wanted = content(engine)
    random.Random(1).shuffle(messages)
    for start in range(0, len(messages), 5):
        write(engine, *messages[start : start + 5], messages[0])
    assert content(engine) == wanted


def test_a_message_twice_in_one_batch_counts_once(engine):
    write(engine, pose(1), pose(1), end_of_session(), end_of_session())
    rows = content(engine)
    assert (len(rows["poses"]), len(rows["people"]), len(rows["sessions"])) == (1, 2, 1)


def test_a_frame_that_was_redone_has_only_its_new_people(engine):
    write(engine, pose(1, people=3), pose(2, people=3))
    redone = pose(1, people=1)
    write(engine, redone)
    rows = content(engine)
    assert [row[1] for row in rows["people"] if row[3] == 1] == [0]
    assert len([row for row in rows["people"] if row[3] == 2]) == 3
    assert [row[-1] for row in rows["poses"]] == [1, 3]


def test_a_track_spans_all_its_frames_also_those_that_came_late(engine):
    for seq in (7, 2, 9, 4):
        write(engine, pose(seq, people=1))
    (track,) = content(engine)["tracks"]
    assert track[3:5] == (2, 9)
    assert track[5:] == pytest.approx((1.7e9 + 0.2, 1.7e9 + 0.9))


def test_gaps_and_the_counts_of_a_session_are_kept(engine):
    write(engine, event("gap", 2, reason="stale"), end_of_session())
    rows = content(engine)
    assert rows["gaps"] == [(1, 5, 2, "stale")]
    assert rows["sessions"] == [(1, 5, 7, 4, 2, '{"rate": 3}')]


def test_what_happened_to_people_is_kept_once_with_its_evidence(engine):
    till = {"zone": "till", "track": "yard-3", "captured_at": 1.7e9, "seqs": [4, 8]}
    crowd = {"zone": "till", "state": "begins", "people": 5, "captured_at": 1.7e9}
    for _ in range(2):
        write(engine, event("enter", 8, **till), event("crowd", 8, **crowd), event("gap", 9))
    crowded, entered = content(engine)["events"]
    assert crowded[:7] == (1, 5, 8, "crowd", 0, "till", 1.7e9)
    assert entered[:7] == (1, 5, 8, "enter", 3, "till", 1.7e9)
    assert json.loads(entered[7]) == till


def test_a_track_that_one_frame_links_to_those_of_two_cameras_keeps_both(engine):
    def link(other):
        far = {"camera": other.rpartition("-")[0], "session": 1, "track": other}
        return event("person", 8, track="yard-3", other=far, captured_at=1.7e9)

    distant = f"{'x' * 64}-12"  # the longest name of a camera
    for _ in range(2):
        write(engine, link("hall-7"), link("door-1"), link(distant))
    rows = content(engine)["events"]
    assert [row[3:6] for row in rows] == [
        ("person", 3, "door-1"), ("person", 3, "hall-7"), ("person", 3, distant[-64:]),
    ]  # fmt: skip


def test_a_session_that_goes_on_after_its_end_was_stored_keeps_its_counts(engine):
    write(engine, end_of_session())
    write(engine, pose(1))
    assert content(engine)["sessions"][0][2:4] == (7, 4)


def test_a_frame_without_people_is_a_row_too(engine):
    write(engine, pose(1, people=0))
    rows = content(engine)
    assert [row[-1] for row in rows["poses"]] == [0]
    assert rows["people"] == []


def test_a_thousand_people_in_one_batch_are_all_written(engine):
    write(engine, *[pose(seq, people=50) for seq in range(24)])
    assert len(content(engine)["people"]) == 1200


def test_a_batch_that_fails_leaves_nothing_behind(engine):
    stranger = replace(pose(2), people=(samples.person(0, "hall-3"),))
    with pytest.raises(InvalidValueError, match="hall-3"):
        write(engine, pose(1), stranger)
    assert content(engine)["poses"] == []


@pytest.mark.parametrize(
    "track", [None, "", "yard", "yard-", "yard-x", "hall-1", "yard-\u0661", "yard--1"]
)
def test_a_track_of_another_form_is_refused(track):
    with pytest.raises(InvalidValueError, match="yard-<number>"):
        track_number("yard", track)


@pytest.mark.parametrize(
    ("kind", "details", "words"),
    [
        ("enter", {"zone": "till"}, "no time"),
        ("enter", {"zone": "till", "captured_at": float("nan")}, "no time"),
        ("enter", {"zone": "\ud800", "captured_at": 1.0}, "no printable text"),
        ("enter", {"zone": ["till"], "captured_at": 1.0}, "no printable text"),
        ("gap", {"reason": "a\0b"}, "no printable text"),
        ("person", {"other": "hall-7", "captured_at": 1.0}, "no track"),
        ("person", {"other": {"track": "\0"}, "captured_at": 1.0}, "no track"),
        ("session_end", {"frames_read": 10**30}, "no count"),
        ("session_end", {"published": "many"}, "no count"),
    ],
)
def test_details_that_are_none_are_refused_in_a_sentence(tmp_path, kind, details, words):
    engine = open_database(f"sqlite:///{tmp_path / 'x.sqlite'}")
    with pytest.raises(InvalidValueError, match=rf"store: yard: .*{words}"):
        write(engine, event(kind, **details))
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "is_data"),
    [
        ("INSERT INTO cameras (id, name) VALUES (1, 'a'), (1, 'b')", True),
        ("INSERT INTO gaps (camera_id, session, seq) VALUES (1, 2, 3)", True),
        ("SELECT * FROM nowhere", False),
    ],
)
def test_it_is_known_whether_the_data_are_at_fault(engine, statement, is_data):
    with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
        connection.execute(text(statement))
    assert is_fault_of_the_data(caught.value) == is_data


def test_postgresql_says_in_a_code_that_a_value_does_not_fit(postgresql_server):
    engine = open_database(postgresql_server.address)
    with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
        connection.execute(text("SELECT CAST(3e9 AS INTEGER)"))
    assert is_fault_of_the_data(caught.value)
    engine.dispose()


def test_a_camera_name_with_dashes_and_digits_keeps_its_track_numbers():
    assert track_number("hall-2", "hall-2-17") == 17


def test_opening_twice_keeps_what_is_there(address):
    first = open_database(address)
    write(first, pose(1))
    second = open_database(address)
    assert len(content(second)["poses"]) == 1
    first.dispose()
    second.dispose()


def test_sqlite_is_in_wal_mode(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'x.sqlite'}")
    with engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("poses.sqlite", "no database address"),
        ("mysql://host/name", "mysql databases are not supported"),
        ("sqlite:////nowhere/at/all/poses.sqlite", "unable to open database file"),
        ("postgresql+nodriver://host/name", "driver of postgresql"),
    ],
)
def test_an_address_that_can_not_be_used_is_one_sentence(address, sentence):
    with pytest.raises(StoreError, match=sentence):
        open_database(address)


def test_a_database_in_a_folder_that_is_not_there_is_told_with_what_to_look_at(tmp_path):
    with pytest.raises(StoreError, match="is its folder there, and writable"):
        open_database(f"sqlite:///{tmp_path}/none/poses.sqlite")


def test_a_file_that_is_no_database_is_one_sentence(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, and no database at all" * 100)
    with pytest.raises(StoreError, match="can't be used as an SQLite database"):
        open_database(f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("question", "index"),
    [
        ("SELECT number FROM tracks WHERE camera_id=1 AND first_at<9 AND last_at>=5",
         "tracks_by_time"),
        ("SELECT max(last_at - first_at) FROM tracks WHERE camera_id=1", "tracks_by_length"),
        ("SELECT captured_at, people FROM poses WHERE camera_id=1 AND captured_at BETWEEN 5 AND 9",
         "COVERING INDEX poses_by_time"),
        ("SELECT seq, x, y FROM people WHERE camera_id=1 AND number=3 ORDER BY session, seq",
         "PRIMARY KEY"),
        ("SELECT number FROM people WHERE camera_id=1 AND session=5 AND seq=3",
         "people_by_frame"),
    ],
)  # fmt: skip
def test_the_questions_people_ask_are_answered_from_an_index(tmp_path, question, index):
    address = f"sqlite:///{tmp_path / 'x.sqlite'}"
    open_database(address).dispose()
    with create_engine(address).connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {question}").all()
    assert index in str(plan), plan
