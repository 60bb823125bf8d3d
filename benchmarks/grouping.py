"""From float32 maps to people: ours beside the classic way, for 1 to 80 people, one thread.

Maps of 46 x 82 cells (a 656 x 368 picture), the same in every run. The two take turns; Hungarian
matching is on. The steps of ours are timed on the results of those before them; decoding of maps as
they travel is printed beside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from benchmarks.classic_grouping import UPSAMPLING, Person, group_classically
from benchmarks.crowds import CROWDS, HEIGHT_PX, WIDTH_PX, crowd, maps_of, true_people_found
from benchmarks.timing import in_turns, shown
from ghostpose.codec.maps import decode_maps, encode_maps
from ghostpose.skeleton import NUM_KEYPOINTS, STRIDE
from ghostpose.types import Placement
from postprocess.grouping import GroupingOptions, group, to_people
from postprocess.grouping.assembly import assemble
from postprocess.grouping.matching import match
from postprocess.grouping.pair_scores import score_pairs
from postprocess.grouping.peaks import find_peaks
from postprocess.grouping.people import select_people

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.types import FloatArray, Maps

SECONDS, SECONDS_FULL = 1.5, 8.0
OURS, CLASSIC = "ours", "classic"
PLACEMENT = Placement(1.0, 1.0)


def measure(*, full: bool) -> dict[str, Any]:
    """Return, for each number of people, times in ms and how many of the true ones were found."""
    cv2.setNumThreads(1)
    seconds = SECONDS_FULL if full else SECONDS
    return {str(people): _measure_crowd(people, seconds) for people in CROWDS}


def _measure_crowd(people: int, seconds: float) -> dict[str, Any]:
    truth_pk3, options = crowd(people), GroupingOptions()
    maps = maps_of(truth_pk3)
    data = encode_maps(maps)
    calls: dict[str, Callable[[], object]] = {
        OURS: lambda: _people(maps, options),
        CLASSIC: lambda: group_classically(maps),
    }
    return {
        "ms": in_turns(calls, seconds=seconds)
        | in_turns(_steps(maps, options), seconds=seconds / 3)
        | in_turns(
            {"decoding of compact maps, noisy everywhere": lambda: decode_maps(data)},
            seconds=seconds / 6,
        ),
        "found": {
            OURS: true_people_found(truth_pk3, group(maps, options).keypoints_pk3),
            CLASSIC: true_people_found(truth_pk3, _in_pixels(group_classically(maps))),
        },
    }


def _people(maps: Maps, options: GroupingOptions) -> object:
    return to_people(group(maps, options), PLACEMENT, WIDTH_PX, HEIGHT_PX)


def _steps(maps: Maps, options: GroupingOptions) -> dict[str, Callable[[], object]]:
    """Return each step as a call on the results of those before it."""
    limits = {"threshold": options.peak_threshold, "max_peaks": options.max_peaks}
    peaks = find_peaks(maps.pcm_chw, **limits)
    pairs = score_pairs(peaks, maps.paf_chw, options)
    chosen = match(pairs, "hungarian")
    assembly = assemble(peaks, pairs, chosen, min_keypoints=options.min_keypoints)
    grouped = group(maps, options)
    return {
        "peaks": lambda: find_peaks(maps.pcm_chw, **limits),
        "pair scores": lambda: score_pairs(peaks, maps.paf_chw, options),
        "matching": lambda: match(pairs, "hungarian"),
        "assembly": lambda: assemble(peaks, pairs, chosen, min_keypoints=options.min_keypoints),
        "choosing people": lambda: select_people(
            peaks, assembly, min_mean_score=options.min_mean_score, min_score=options.min_score
        ),
        "to pixels and boxes": lambda: to_people(grouped, PLACEMENT, WIDTH_PX, HEIGHT_PX),
    }


def _in_pixels(people: list[Person]) -> FloatArray:
    """Return people (p, 18, 3); a cell's centre is in its middle."""
    found_pk3 = np.zeros((len(people), NUM_KEYPOINTS, 3), np.float32)
    side_px = STRIDE / UPSAMPLING
    for p, person in enumerate(people):
        for keypoint, (x, y, score, _) in person.items():
            found_pk3[p, keypoint] = (x + 0.5) * side_px - 0.5, (y + 0.5) * side_px - 0.5, score
    return found_pk3


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as a table."""
    rows = ["| people | ours, ms | classic, ms | times | true people found, ours / classic |"]
    rows.append("|-|-|-|-|-|")
    for people, one in result.items():
        ms, found = one["ms"], one["found"]
        times = ms[CLASSIC]["median"] / ms[OURS]["median"]
        rows.append(
            f"| {people} | {shown(ms[OURS], 3)} | {shown(ms[CLASSIC])} | {times:.0f}"
            f" | {found[OURS]} / {found[CLASSIC]} |"
        )
    names = [name for name in next(iter(result.values()))["ms"] if name not in (OURS, CLASSIC)]
    rows += ["", "| step, ms | " + " | ".join(result) + " |", "|-" * (len(result) + 1) + "|"]
    for name in names:
        cells = (f"{one['ms'][name]['median']:.3f}" for one in result.values())
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return rows


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """Return the targets that this section answers."""
    return {
        f"grouping_speedup_{people}": result[people]["ms"][CLASSIC]["median"]
        / result[people]["ms"][OURS]["median"]
        for people in ("1", "20")
    }
