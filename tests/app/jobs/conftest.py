"""A store with known content, a small disk, and commands run as a user does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from disks import mounted
from job_support import DOOR, EVENTS, FIRST, FRAMES, HALL, SECOND, Command, message

from app.cli.main import main
from postprocess.store import Batch, open_database, write_batch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def analyses_are_noted_in_a_folder_of_the_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def ghostpose(capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `ghostpose ...` in this process and return what it prints on both."""

    def run(*arguments: str | Path, code: int = 0) -> str:
        capfd.readouterr()
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        text = captured.out + captured.err
        assert (caught.value.code or 0) == code, text
        return text

    return run


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a store: two sessions of the hall, one of the door, and some events."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'poses.sqlite'}"
    engine = open_database(url)
    opened = ((HALL, FIRST), (HALL, SECOND), (DOOR, FIRST))
    poses = [message(camera, session, seq) for camera, session in opened for seq in range(FRAMES)]
    with engine.begin() as connection:
        write_batch(connection, Batch(poses, EVENTS))
    engine.dispose()
    return url


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 12 KB, which needs the right to mount one."""
    with mounted(tmp_path / "disk", "12k") as folder:
        yield folder
