"""Tables of other versions: refused in a sentence, changed with all their rows, or not at all."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import inspect, text
from written import end_of_session, event, pose, write

from ghostpose.errors import StoreError
from postprocess.store import migrate as migrating
from postprocess.store import open_database, open_for_reading, queries
from postprocess.store.migrate import migrate
from postprocess.store.schema import SCHEMA_VERSION, metadata

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_S = 60.0

# Of SQLite; that questions are answered from it is tested with them.
pytestmark = pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression")

VERSIONS = Path(migrating.__file__).parent / "migrations" / "versions"


@pytest.fixture
def engine(address: str):
    opened = open_database(address)
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def new_structures() -> dict[str, object]:
    """What `structure` says of new databases, by the kind of server."""
    return {}


@pytest.fixture
def rows(engine, tmp_path, new_structures):
    """Make the database one of version 1, as version 1 left it; return its rows by table."""
    if engine.dialect.name not in new_structures:
        new_structures[engine.dialect.name] = structure(engine)
    empty(engine)
    written = rows_of_some_frames(f"sqlite:///{tmp_path / 'new.sqlite'}")
    with engine.begin() as connection:
        migrating.step(connection, 1, up=True)
        connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(text("INSERT INTO cameras VALUES (1, 'yard')"))
        for name, found in written.items():
            connection.execute(metadata.tables[name].insert(), [row._asdict() for row in found])
    yield written
    empty(engine)
    open_database(engine.url.render_as_string(hide_password=False)).dispose()


def empty(engine) -> None:
    with engine.begin() as connection:
        for name in reversed([*metadata.tables, "alembic_version", "schema_info"]):
            connection.execute(text(f"DROP TABLE IF EXISTS {name}"))


def rows_of_some_frames(address: str):
    new = open_database(address)
    entered = event("enter", 3, zone="till", track="yard-1", captured_at=1.7e9)
    write(new, *map(pose, range(5)), event("gap", 5, reason="stale"), entered, end_of_session())
    found = content(new)
    new.dispose()
    return found


def content(engine):
    """Return the rows of all tables but `cameras`, in the order of their keys."""
    with engine.connect() as connection:
        return {
            table.name: connection.execute(table.select().order_by(*table.primary_key)).all()
            for table in metadata.sorted_tables
            if table.name != "cameras"
        }


def structure(engine) -> dict[str, object]:
    """Return what the database itself says of its tables."""
    looked = inspect(engine)
    return {
        name: (
            [(c["name"], str(c["type"]), c["nullable"], str(c["default"]))
             for c in looked.get_columns(name)],
            looked.get_pk_constraint(name)["constrained_columns"],
            [(f["constrained_columns"], f["referred_table"])
             for f in looked.get_foreign_keys(name)],
            sorted((i["name"], str(i["column_names"])) for i in looked.get_indexes(name)),
        )
        for name in looked.get_table_names()
    }  # fmt: skip


def test_a_database_of_version_1_is_changed_with_all_its_rows(engine, address, rows):
    with pytest.raises(StoreError, match=r"version 1, .* needs version 2: .*store migrate"):
        open_database(address)
    with pytest.raises(StoreError, match="holds tables of version 1"):
        open_for_reading(address)
    assert migrate(address) == migrating.Migration(str(engine.url), 1, SCHEMA_VERSION)
    assert content(engine) == rows
    store = open_database(address)
    write(store, pose(5), pose(4))
    store.dispose()
    reader = open_for_reading(address)
    assert len(queries.track_poses(reader, "yard", "yard-1")) == 6
    reader.dispose()
    assert migrate(address).before == SCHEMA_VERSION


def test_changed_it_is_as_a_new_one_and_back_in_version_1_it_is_what_it_was(
    engine, address, rows, new_structures
):
    before = structure(engine)
    migrate(address)
    assert structure(engine) == new_structures[engine.dialect.name]
    migrate(address, to=1)
    now = structure(engine)
    assert {name: now[name] for name in before} == before
    assert content(engine) == rows
    migrate(address)
    assert content(engine) == rows


def test_a_change_that_fails_half_way_leaves_everything_as_it_was(
    engine, address, rows, monkeypatch
):
    before = structure(engine)
    with engine.begin() as connection:  # in the way of the second half
        connection.execute(text("CREATE TABLE way (a INTEGER)"))
        connection.execute(text("CREATE INDEX tracks_by_length ON way (a)"))
    with pytest.raises(Exception, match="tracks_by_length"):
        migrate(address)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE way"))
    assert structure(engine) == before
    assert content(engine) == rows
    migrate(address)


def at_once(call: Callable[[], object], times: int = 3) -> list[object]:
    """Call it in so many threads at the same time; return what came of each."""
    start, came = threading.Barrier(times), []

    def one() -> None:
        start.wait(LIMIT_S)
        try:
            came.append(call())
        except Exception as error:
            came.append(error)

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    return came


def test_two_that_change_a_database_at_once_change_it_once(address, rows):
    came = at_once(lambda: migrate(address))
    assert sorted(one.before for one in came) == [1, SCHEMA_VERSION, SCHEMA_VERSION]


def test_stores_that_start_at_once_make_the_tables_once(engine, address):
    empty(engine)
    came = at_once(lambda: open_database(address).dispose())
    assert came == [None, None, None]
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}


@pytest.mark.parametrize("version", ["3", "strange"])
def test_tables_of_a_version_that_nobody_knows_are_refused_in_one_sentence(tmp_path, version):
    address = f"sqlite:///{tmp_path / 'poses.sqlite'}"
    engine = open_database(address)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{version}'"))
    engine.dispose()
    with pytest.raises(
        StoreError, match=rf"of version {version}, .* use a ghostpose that is as new"
    ):
        open_database(address)
    with pytest.raises(StoreError, match=rf"of version {version}, .* needs version 2"):
        migrate(address)


def test_what_holds_no_tables_is_not_changed(tmp_path):
    file = tmp_path / "poses.sqlite"
    with pytest.raises(StoreError, match="there is no database"):
        migrate(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as others:
        others.execute("CREATE TABLE theirs (a INTEGER)")
    before = file.read_bytes()
    with pytest.raises(StoreError, match="holds no poses"):
        migrate(f"sqlite:///{file}")
    assert file.read_bytes() == before


def test_a_version_that_is_none_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(StoreError, match="knows no version 9 of the tables, only 1 to 2"):
        migrate(f"sqlite:///{tmp_path / 'poses.sqlite'}", to=9)


def test_the_newest_step_is_the_version_that_we_need():
    steps = sorted(int(path.name[1:].partition("_")[0]) for path in VERSIONS.glob("v*.py"))
    assert steps == list(range(1, SCHEMA_VERSION + 1))
