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


@pytest.fixture(scope="session")
def postgresql_address() -> Iterator[str]:
    with running_postgresql() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, on each kind of server."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'poses.sqlite'}"
    server: str = request.getfixturevalue("postgresql_address")
    engine = open_database(server)
    with engine.begin() as connection:
        names = ", ".join(t.name for t in metadata.sorted_tables if t is not schema_info)
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))
        connection.execute(schema_info.update().values(version=1))
    engine.dispose()
    return server
