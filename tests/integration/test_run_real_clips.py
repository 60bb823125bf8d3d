"""Whole recordings of the data folder through the whole pipeline: no frame is missing."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest
from run_support import ROOT, Ghostpose

from ghostpose.bus import Bus

if TYPE_CHECKING:
    from pathlib import Path

    from ghostpose.bus import EmbeddedServer

CLIPS = ROOT.parent / "shared" / "data" / "clips"

pytestmark = pytest.mark.data


def play(clip: Path, output: Path, *more: str) -> tuple[dict[str, int], list[dict[str, float]]]:
    """Run a clip to its end with the stub engine; return the summary and the lines."""
    if not clip.is_file():
        pytest.skip(f"{clip} is not here")
    options = ("--policy", "every", "--engine", "stub:0", "--height", "64", "--json")
    done = Ghostpose(("run", str(clip), "--output", str(output), *options, *more)).finish(110)
    assert done.code == 0, done.err
    lines = (output / "poses.jsonl").read_text().splitlines()
    return json.loads(done.out.splitlines()[-1]), [json.loads(line) for line in lines]


def test_all_795_frames_of_vtest_become_poses_in_order(tmp_path: Path) -> None:
    summary, lines = play(CLIPS / "vtest.avi", tmp_path)
    assert (summary["frames"], summary["poses"], summary["skipped"]) == (795, 795, 0)
    assert [line["seq"] for line in lines] == list(range(795))


def test_a_clock_that_steps_backwards_costs_no_frame_and_its_repairs_are_counted(
    tmp_path: Path, server: EmbeddedServer
) -> None:
    clip = CLIPS / "aws-people-count-test.mp4"
    summary, lines = play(clip, tmp_path, "--redis", server.url)
    assert (summary["frames"], summary["poses"]) == (1034, 1034)
    times = [line["media_time"] for line in lines]
    assert all(before < after for before, after in itertools.pairwise(times))
    with Bus.connect(server.url) as bus:
        assert bus.counters("aws-people-count-test").clock_repairs == 14
