"""The databases that the store's tests run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from databases import running_postgresql
from sqlalchemy import text

from postprocess.store import open_database
from postprocess.store.schema import metadata, schema_info

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Engine]:
    """Return a server's database, with our tables."""
    with running_postgresql() as address:
        engine = open_database(address)
        yield engine
        engine.dispose()


KINDS = ("sqlite", "postgresql")


@pytest.fixture(params=KINDS)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, on each kind of server."""
    return empty_database(request, tmp_path)


@pytest.fixture(scope="module", params=KINDS)
def shared_address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a database that a file's tests share, once empty, on each kind of server."""
    return empty_database(request, tmp_path_factory.mktemp("database"))


def empty_database(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{folder / 'poses.sqlite'}"
    engine: Engine = request.getfixturevalue("postgresql")
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table is not schema_info:
                connection.execute(table.delete())  # where there is little, quicker than TRUNCATE
        connection.execute(text("ALTER SEQUENCE cameras_id_seq RESTART"))
        connection.execute(schema_info.update().values(version=1))
    return engine.url.render_as_string(hide_password=False)
