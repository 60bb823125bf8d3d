"""What the documentation says, held against the program."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.main import COMMANDS, GROUPS, app
from app.reference import renewed
from ghostpose.bus.keys import Keys
from ghostpose.config_file import load_config
from ghostpose.skeleton import KEYPOINTS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
GHOSTPOSE = re.compile(r"^(?:    |\.venv/bin/|    \.venv/bin/)ghostpose (.+?)(?:  +#.*)?$")
LINK = re.compile(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def commands_in(path: Path) -> list[list[str]]:
    found = (GHOSTPOSE.match(line) for line in text_of(path).splitlines())
    return [shlex.split(match[1]) for match in found if match]


def blocks_of(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text_of(path), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(text_of(page)):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_exists_with_its_options(page: Path) -> None:
    for command, *arguments in commands_in(page):
        is_group = command in GROUPS and not arguments[0].startswith("-")
        name = [command, arguments[0]] if is_group else [command]
        assert command in {*COMMANDS, *GROUPS} or command.startswith("-"), command
        shown = CliRunner().invoke(app, [*name, "--help"]).output
        for option in (a for a in arguments if a.startswith("--")):
            assert re.search(rf"{option}\b", shown), f"ghostpose {command} has no {option}"


def test_the_readme_shows_the_commands_of_every_role() -> None:
    shown = {command for command, *_ in commands_in(ROOT / "README.md")}
    assert {"run", "ingest", "infer", "postprocess", "store", "tail"} <= shown


def test_the_configuration_page_holds_the_reference_as_the_models_give_it() -> None:
    page = text_of(ROOT / "docs" / "configuration.md")
    assert page == renewed(page), "run: ghostpose config reference --write docs/configuration.md"


def test_the_documented_configuration_is_valid(tmp_path: Path) -> None:
    (block,) = blocks_of(ROOT / "docs" / "configuration.md", "yaml")
    path = tmp_path / "site.yaml"
    path.write_text(block, encoding="utf-8")
    assert len(load_config(path).cameras) == 2


@pytest.mark.parametrize("page", ["README.md", "docs/messages.md"])
def test_the_keys_shown_for_redis_cli_are_those_of_the_bus(page: str) -> None:
    text = text_of(ROOT / page)
    camera = re.findall(r"HGET ghostpose:cameras (\S+)", text)[0]
    assert f"'{Keys(16).poses(camera)}'" in text


def test_the_key_points_are_documented_in_their_order() -> None:
    text = " ".join(text_of(ROOT / "docs" / "messages.md").split())
    assert ", ".join(name.replace("_", " ") for name in KEYPOINTS) in text


def guarantees() -> list[list[str]]:
    """Return the rows of the table of guarantees, the page's first, by cell."""
    page = text_of(ROOT / "docs" / "guarantees.md")
    lines = page[page.index("\n|") :].strip().split("\n\n")[0].splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[1:]]


def test_every_guarantee_names_a_test_that_exists_or_says_that_none_does() -> None:
    source = "\n".join(text_of(path) for path in (ROOT / "tests").rglob("test_*.py"))
    tests = set(re.findall(r"^def (test_\w+)", source, re.MULTILINE))
    for row in guarantees():
        assert len(row) == 4, row
        named = re.findall(r"`(test_\w+)`", row[3])
        assert named or "not yet shown" in row[3], row
        assert set(named) <= tests, row


def test_the_guarantees_cover_what_may_fail() -> None:
    failing = " ".join(row[0] for row in guarantees())
    for word in ("inference", "post-processing", "ingest", "append-only", "without persistence"):
        assert word in failing
    for word in ("replica", "full", "database", "camera"):
        assert word in failing
