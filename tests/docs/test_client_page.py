"""docs/client.md: its programs run, and its examples are those that there are."""

from __future__ import annotations

import builtins
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import samples

from ghostpose.codec.poses import encode_pose
from ghostpose.types import FrameId

if TYPE_CHECKING:
    from ghostpose.bus import Bus

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SHOWN_URL = "redis://127.0.0.1:6379/0"


class EnoughError(Exception):
    """The program has printed two lines, and would go on for ever."""


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.split(" import ")[1][:24])
def test_each_program_shown_prints_what_it_reads(bus: Bus, program: str) -> None:
    if "pandas" in program:
        pytest.importorskip("pandas")
    bus.register_camera("hall", policy="latest", credit=4)
    for seq in range(3):
        fields = {"d": encode_pose(samples.pose(FrameId("hall", 7, seq, seq + 1))), "p": "1"}
        bus.client.xadd(bus.keys.poses("hall"), fields)
    printed: list[tuple[Any, ...]] = []

    def show(*values: object) -> None:
        printed.append(values)
        if len(printed) == 2:
            raise EnoughError

    assert SHOWN_URL in program
    with pytest.raises(EnoughError):
        exec(program.replace(SHOWN_URL, bus.address), {**vars(builtins), "print": show})
    assert printed


def test_the_page_names_every_example() -> None:
    assert set(re.findall(r"\.\./examples/([\w.]+)\)", PAGE)) == {
        path.name for path in (ROOT / "examples").glob("*.py")
    }
