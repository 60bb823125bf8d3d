"""Retention: what is old goes, what is new stays, and nothing that went comes back."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from databases import empty_postgresql
from sqlalchemy import func, select, text
from written import SESSION, end_of_session, event, pose, write

from postprocess.store import open_database, pruning, retention
from postprocess.store import schema as tables
from postprocess.store.retention import DAY_S, GB, Pruner, Retention, prune
from postprocess.store.size import file_bytes, measured, vacuum

NOW = time.time()
LIMIT_S = 60.0


@pytest.fixture
def engine(address: str):
    opened = open_database(address)
    yield opened
    opened.dispose()


def aged(seq: int, days: float, people: int = 2, *, camera: str = "yard", session: int = SESSION):
    """Return a frame that was captured so many days ago."""
    return replace(pose(seq, people, camera, session), captured_at=NOW - days * DAY_S)


def opened(days: float) -> int:
    """Return the id of a session that was opened so many days ago."""
    return round(1000 * (NOW - days * DAY_S))


def seqs(engine, table=tables.poses) -> list[int]:
    with engine.connect() as connection:
        return sorted(connection.execute(select(table.c.seq)).scalars())


def count(engine, table) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar()


def test_frames_of_a_session_go_from_its_begin_with_all_that_belongs_to_them(engine, monkeypatch):
    monkeypatch.setattr(pruning, "ROWS_A_STEP", 5)
    write(engine, *[aged(seq, days=10 - seq, people=1 + seq % 2) for seq in range(10)])
    write(engine, event("gap", 10, reason="stale"), end_of_session())
    entered = {"zone": "till", "track": "yard-0", "captured_at": NOW}
    write(engine, event("enter", 2, **entered), event("leave", 8, **entered))
    pruned = prune(engine, Retention(keep_days=4.5))
    assert (pruned.removed.frames, pruned.removed.people) == (6, 9)
    assert seqs(engine) == [6, 7, 8, 9]
    assert sorted(set(seqs(engine, tables.people))) == [6, 7, 8, 9]
    assert (seqs(engine, tables.events), seqs(engine, tables.gaps)) == ([8], [10])
    assert count(engine, tables.sessions) == 1
    assert prune(engine, Retention(keep_days=4.5)).removed.frames == 0


def test_a_track_goes_with_its_last_frame(engine):
    write(engine, aged(0, days=9, people=3), aged(1, days=8, people=1), aged(2, days=1, people=1))
    prune(engine, Retention(keep_days=7))
    with engine.connect() as connection:
        (left,) = connection.execute(select(tables.tracks)).all()
    assert (left.number, left.first_seq, left.last_seq) == (0, 0, 2)


def test_a_session_that_is_over_goes_whole_also_one_that_had_only_gaps(engine, monkeypatch):
    monkeypatch.setattr(pruning, "ROWS_A_STEP", 3)
    first, second, third = opened(30), opened(20), opened(10)
    write(engine, aged(0, days=30, session=first), replace(end_of_session(), session=first))
    gaps = [replace(event("gap", seq, reason="stale"), session=second) for seq in range(8)]
    write(engine, *gaps, aged(0, days=1, session=third))
    prune(engine, Retention(keep_days=5))
    with engine.connect() as connection:
        assert connection.execute(select(tables.sessions.c.session)).scalars().all() == [third]
    assert (count(engine, tables.gaps), count(engine, tables.tracks)) == (0, 2)


def test_a_recording_of_long_ago_came_when_it_was_read(engine):
    write(engine, aged(0, days=400, session=opened(1)))
    prune(engine, Retention(keep_days=30))
    assert seqs(engine) == [0]
    prune(engine, Retention(keep_days=0.5))
    assert seqs(engine) == []


def test_what_was_removed_does_not_come_back_when_it_is_delivered_again(engine, caplog):
    first, second = opened(30), opened(20)
    old = [
        *(aged(seq, days=30, session=first) for seq in range(3)),
        replace(event("gap", 3, reason="stale"), session=first),
        replace(end_of_session(), session=first),
    ]
    later = [aged(seq, days=10 - seq, session=second) for seq in range(8)]
    write(engine, *old, *later)
    prune(engine, Retention(keep_days=5.5))
    kept = content(engine)
    write(engine, *old, *later)
    assert content(engine) == kept
    assert "10 messages that retention has removed came again" in caplog.text
    write(engine, aged(8, days=0, session=second))
    assert seqs(engine) == [5, 6, 7, 8]


def content(engine):
    with engine.connect() as connection:
        return [
            connection.execute(table.select().order_by(*table.primary_key)).all()
            for table in tables.metadata.sorted_tables
        ]


def test_each_camera_keeps_its_own(engine):
    write(engine, aged(0, days=9), aged(0, days=9, camera="hall"), aged(1, days=1, camera="hall"))
    prune(engine, Retention(keep_days=5))
    assert seqs(engine) == [1]
    write(engine, aged(0, days=1, camera="attic"))
    assert seqs(engine) == [0, 1]


def fill(engine, frames: int, first: int = 0) -> None:
    """Write frames of ten people, of a camera that was opened ten days ago."""
    session, days_a_frame = opened(10), 10 / 6000
    for start in range(first, first + frames, 500):
        write(engine, *[
            aged(seq, days=10 - days_a_frame * seq, people=10, session=session)
            for seq in range(start, start + 500)
        ])  # fmt: skip


def test_a_store_that_is_too_large_loses_its_oldest_frames_and_gives_their_room_back(engine):
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:  # what other tests left empty is no matter here
            connection.execute(text("TRUNCATE people, poses"))
    fill(engine, 1000)
    vacuum(engine)
    with engine.connect() as connection:
        before = measured(connection).used_bytes
        on_disk = file_bytes(connection)
    assert before == pytest.approx(on_disk, rel=0.15)
    most_gb = before / GB / 2
    pruned = prune(engine, Retention(max_gb=most_gb))
    left = seqs(engine)
    assert left == list(range(left[0], 1000))
    assert 300 < len(left) < 600
    assert pruned.used_bytes < 1.1 * most_gb * GB
    if engine.dialect.name == "sqlite":
        assert pruned.file_bytes < 1.06 * most_gb * GB
    else:  # the files stay as they are, and what comes next fills them
        fill(engine, 500, first=1000)
        with engine.connect() as connection:
            assert file_bytes(connection) < 1.15 * on_disk
    assert prune(engine, Retention(max_gb=10.0)).removed.frames == 0


def test_two_do_not_each_remove_what_is_too_much(postgresql_server):
    engine = open_database(empty_postgresql(postgresql_server))
    write(engine, *[aged(seq, days=9 - seq / 10) for seq in range(20)])
    nothing = Retention(max_gb=1e-9)
    steps = retention.pruning(engine, nothing)
    next(steps)
    assert seqs(engine) == list(range(1, 20))
    assert prune(engine, nothing).removed.frames == 0
    steps.close()
    assert prune(engine, nothing).removed.frames == 19
    engine.dispose()


def test_an_sqlite_file_that_was_made_without_noting_free_pages_is_pruned_too(tmp_path):
    address = f"sqlite:///{tmp_path / 'poses.sqlite'}"
    open_database(address).dispose()
    engine = open_database(address)
    raw = engine.raw_connection()
    raw.cursor().execute("PRAGMA auto_vacuum = NONE")
    raw.cursor().execute("VACUUM")
    raw.close()
    fill(engine, 500)
    assert prune(engine, Retention(keep_days=5)).removed.frames == 500
    engine.dispose()


def test_a_store_prunes_a_little_at_a_time_beside_writing(engine, monkeypatch):
    monkeypatch.setattr(pruning, "ROWS_A_STEP", 3)
    write(engine, *[aged(seq, days=9, people=2) for seq in range(40)])
    monkeypatch.setattr("postprocess.store.retention.LEAST_S", 0.0)
    pruner = Pruner(engine, Retention(keep_days=5))
    for _ in range(4):
        pruner.work(0.0)
    assert len(seqs(engine)) == 37, "it looks once, then removes a frame each time"
    pruner.work(LIMIT_S)
    assert seqs(engine) == []


def test_a_pruner_that_the_database_refuses_tries_again_later(engine, monkeypatch, caplog):
    write(engine, aged(0, days=9))
    monkeypatch.setattr("postprocess.store.retention.EVERY_S", 0.0)
    pruner = Pruner(engine, Retention(keep_days=5))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE gaps RENAME TO away"))
    pruner.work(0.1)
    assert "can't remove old rows now" in caplog.text
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO gaps"))
    pruner.work(0.1)
    assert seqs(engine) == []
