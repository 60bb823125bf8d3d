"""What comes from outside can't forge a line of a log, nor move a terminal's cursor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.errors import InvalidValueError
from ghostpose.printable import printable, printable_lines
from ghostpose.types import CAMERA_NAME_PATTERN, check_camera_name

HOSTILE = "hall\n2026-01-01 00:00:00,000 INFO app: all is well\x1b[2J\r\u2028\u202e"


@given(st.text())
def test_every_text_becomes_one_printable_line(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(text) == text or not text.isprintable()


@given(st.text())
def test_only_the_first_line_begins_a_line(text: str) -> None:
    first, *others = printable_lines(text).split("\n")
    assert first.isprintable()
    assert all(line.startswith("    ") and line.isprintable() for line in others)


SCRIPT = """
import logging, sys
from ghostpose.logs import log_to_stderr
log_to_stderr(logging.INFO)
hostile = sys.argv[1]
logging.getLogger("ghostpose.Test").warning("camera %s is passed over", hostile)
try:
    raise ValueError(hostile)
except ValueError:
    logging.getLogger("ghostpose.Test").exception("it failed")
"""


def test_a_hostile_name_can_not_forge_a_line_of_the_log() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, HOSTILE], capture_output=True, text=True, check=True
    )
    begins = [line for line in done.stderr.split("\n") if line and not line.startswith("    ")]
    assert len(begins) == 2
    assert all("ghostpose.Test" in line for line in begins)
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "a\\b", "a b", "a\n", "a\x00", "\x1b[2J", "é", "x" * 65, "{gp:1}"]
)
def test_a_name_that_could_leave_a_folder_or_forge_a_key_is_no_camera_name(name: str) -> None:
    with pytest.raises(InvalidValueError):
        check_camera_name(name)


@given(st.from_regex(CAMERA_NAME_PATTERN, fullmatch=True))
def test_what_is_written_for_a_camera_stays_in_its_folder(name: str) -> None:
    assert (Path("/out") / f"{check_camera_name(name)}.mp4").resolve().parent == Path("/out")
