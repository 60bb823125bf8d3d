"""`ghostpose retention`: what is too old goes, what is not stays, and mistakes remove nothing."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from job_support import Command


@pytest.fixture
def copied(store_url: str, tmp_path: Path) -> str:
    """The address of a copy of the known store, all of whose frames came in 2023."""
    copy = tmp_path / "poses.sqlite"
    shutil.copy(store_url.removeprefix("sqlite:///"), copy)
    return f"sqlite:///{copy}"


def test_what_came_longer_ago_is_removed_and_the_rest_kept(
    copied: str, ghostpose: Command, tmp_path: Path
) -> None:
    common = ("retention", "--store", copied, "--json")
    assert json.loads(ghostpose(*common, "--keep-days", "36000"))["frames"] == 0
    done = json.loads(ghostpose(*common, "--keep-days", "30"))
    assert (done["frames"], done["people"]) == (120, 192)
    assert "no poses" in ghostpose(
        "export-results", "--store", copied, "--output", tmp_path / "a.csv", code=2
    )


def test_the_configuration_says_how_much_is_kept(
    copied: str, ghostpose: Command, tmp_path: Path
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(f"store: {{url: '{copied}', keep_days: 30}}")
    assert "removed 120 frames and 192 poses in them" in ghostpose("retention", "--config", site)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param([], "how much is to be kept?", id="nothing said"),
        pytest.param(["--keep-days", "0"], "--keep-days", id="no time"),
        pytest.param(["--max-gb", "-1"], "--max-gb", id="less than nothing"),
    ],
)
def test_a_mistake_is_one_sentence_and_removes_nothing(
    options: list[str], words: str, copied: str, ghostpose: Command, tmp_path: Path
) -> None:
    said = ghostpose("retention", "--store", copied, *options, code=2)
    assert words in said
    assert len(said.splitlines()) == 1
    ghostpose("export-results", "--store", copied, "--output", tmp_path / "a.csv")


def test_a_store_that_is_not_there_is_not_made(ghostpose: Command, tmp_path: Path) -> None:
    path = tmp_path / "no.sqlite"
    said = ghostpose("retention", "--keep-days", "3", "--store", f"sqlite:///{path}", code=2)
    assert "no.sqlite" in said
    assert not path.exists()


@pytest.mark.parametrize("command", [("retention", "--keep-days", "3"), ("store", "migrate")])
def test_a_database_server_that_is_away_is_one_sentence(
    command: tuple[str, ...], ghostpose: Command
) -> None:
    said = ghostpose(*command, "--store", "postgresql://ghost@127.0.0.1:1/poses", code=2)
    assert said.startswith("ghostpose: store: the database doesn't answer")
    assert len(said.splitlines()) == 1
