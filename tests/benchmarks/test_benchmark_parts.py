"""What the benchmark compares with does its job, and what it reports is what was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.classic_grouping import group_classically
from benchmarks.crowds import crowd, maps_of, true_people_found
from benchmarks.grouping import _in_pixels
from benchmarks.page import BEGIN, END, written
from benchmarks.ratios import TARGETS, lines
from postprocess.grouping import GroupingOptions, group

LATEST = Path(__file__).parents[2] / "benchmarks" / "results" / "latest.json"


@pytest.mark.parametrize("people", [1, 5, 20])
def test_the_classic_way_and_ours_both_find_the_true_people(people: int) -> None:
    truth_pk3 = crowd(people)
    maps = maps_of(truth_pk3)
    classic_pk3 = _in_pixels(group_classically(maps))
    assert true_people_found(truth_pk3, classic_pk3) == people
    ours_pk3 = group(maps, GroupingOptions()).keypoints_pk3
    assert true_people_found(truth_pk3, ours_pk3) == people


def test_somebody_found_stands_for_one_person_only() -> None:
    truth_pk3 = crowd(5)
    assert true_people_found(truth_pk3, truth_pk3[:2]) == 2
    twice = np.concatenate([truth_pk3[:1], truth_pk3[:1]])
    assert true_people_found(truth_pk3, twice) == 1
    assert true_people_found(truth_pk3, truth_pk3 + np.float32(200)) == 0


def test_a_page_gets_the_tables_in_place_of_those_before() -> None:
    page = f"# Title\n\n{BEGIN}\n\nold\n\n{END}\n\nAfter.\n"
    assert written(page, ["", "| new |", ""]) == (
        f"# Title\n\n{BEGIN}\n\n| new |\n\n{END}\n\nAfter.\n"
    )


def test_a_missed_target_is_said_to_be_missed() -> None:
    met, missed = lines({"engine_speedup": 7.0, "pipeline_overhead_core_ms": 5.1})[2:]
    assert met.endswith("| >= 7 |  |")
    assert missed.endswith("| <= 5 | missed |")


def test_the_results_kept_have_every_ratio_and_describe_their_machine() -> None:
    results = json.loads(LATEST.read_bytes())
    assert results["ratios"].keys() == TARGETS.keys()
    assert results["machine"]["processor"]
    assert results["machine"]["cores"] >= 1
