"""The databases that the store's tests run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from databases import empty_postgresql, running_postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from databases import PostgresqlServer


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    with running_postgresql() as server:
        yield server


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
    return empty_postgresql(request.getfixturevalue("postgresql_server"))
