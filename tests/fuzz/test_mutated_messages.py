"""A small helping of what `make fuzz` does a million times."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from fuzz import HostileMessageError, _fuzz, fuzz
from mutations import mutated
from targets import ROOT, Target, targets

if TYPE_CHECKING:
    from pathlib import Path

MESSAGES = 15_000


def test_mutated_messages_of_every_kind_are_messages_or_refused(tmp_path: Path) -> None:
    table = fuzz(MESSAGES, 7, tmp_path)
    assert set(table) == {target.name for target in targets(tmp_path)}
    for name, row in table.items():
        if name not in {"pose", "event"}:  # a reader passes over them and raises nothing
            assert row.refused > 0, name
        assert row.refused < row.messages, f"{name}: mutations must let some messages through"


def test_unmutated_messages_are_all_taken(tmp_path: Path) -> None:
    for target in targets(tmp_path):
        for message in target.messages:
            target.decode(message)


@pytest.mark.parametrize("wrong", [KeyError("x"), OverflowError(), RecursionError()])
def test_a_decoder_that_crashes_is_found(wrong: Exception) -> None:
    def crash(_: object) -> object:
        raise wrong

    with pytest.raises(HostileMessageError, match="weak"):
        _fuzz([Target("weak", (b"x",), crash)], 1, random.Random(1))


def test_a_refusal_that_forges_a_line_is_found() -> None:
    def forge(_: object) -> object:
        raise ValueError("no\nsuch thing")

    with pytest.raises(HostileMessageError, match="weak"):
        _fuzz([Target("weak", (b"x",), forge, (ValueError,))], 1, random.Random(1))


def test_mutations_are_the_same_for_the_same_seed() -> None:
    one, two = (mutated(b'{"a": [1, 2]}', b"other", random.Random(5)) for _ in range(2))
    assert one == two


def test_the_makefiles_command_runs_by_itself() -> None:
    """It finds the project and the tests' own modules from nothing but the repository's root."""
    printed = subprocess.run(
        ["make", "-n", "--no-print-directory", "fuzz"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    command = printed.splitlines()[-1].replace("1000000", "30")
    command = re.sub(r"\S+/python\b", sys.executable, command)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert "30 messages with seed 1: no crash" in done.stdout, done.stderr


def test_every_decoder_of_the_codec_is_a_target() -> None:
    """Whoever adds one adds it to the targets."""
    known = (ROOT / "tests" / "fuzz" / "targets.py").read_text(encoding="utf-8")
    reached = {"decode_id", "decode_cameras", "decode_registry", "decode_maps"}  # by the others
    reached |= {"decode_pose", "decode_event"}
    for path in (ROOT / "ghostpose" / "codec").glob("*.py"):
        for name in re.findall(r"^def (decode_\w+)", path.read_text(encoding="utf-8"), re.M):
            assert name in reached or re.search(rf"\b{name}\b", known), f"{path.name}: {name}"
