"""What comes from outside can't forge a line of a log, nor move a terminal's cursor."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from ghostpose.printable import printable, printable_lines

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
