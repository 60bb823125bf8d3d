"""How long grouping takes for 1, 20 and 80 people: `python benchmarks/grouping_bench.py [--json]`.

Maps of 46 x 82 cells (a 656 x 368 picture), drawn from known people by the formulas of the training
targets, with a little noise: the same in every run. One thread; Hungarian matching. Reported are
the median and the quartiles of many calls after a warm-up, for each step and for all, and the
fastest call: what the code takes when nothing else runs on the machine.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING

import numpy as np

from ghostpose.network.targets import paf_targets, pcm_targets
from ghostpose.types import Maps, Placement
from postprocess.grouping import GroupingOptions, group, to_people
from postprocess.grouping.assembly import assemble
from postprocess.grouping.matching import match
from postprocess.grouping.pair_scores import score_pairs
from postprocess.grouping.peaks import find_peaks
from postprocess.grouping.people import select_people

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.types import FloatArray

HEIGHT_PX, WIDTH_PX = 368, 656
NOISE = 0.01

STANDING = (
    *((0.0, 0.08), (0.0, 0.19)),  # nose, neck; then arms, legs, eyes, ears, right before left
    *((-0.11, 0.19), (-0.15, 0.35), (-0.17, 0.49), (0.11, 0.19), (0.15, 0.35), (0.17, 0.49)),
    *((-0.07, 0.52), (-0.08, 0.74), (-0.08, 0.96), (0.07, 0.52), (0.08, 0.74), (0.08, 0.96)),
    *((-0.03, 0.05), (0.03, 0.05), (-0.06, 0.07), (0.06, 0.07)),
)
"""A body's 18 key points: x from its middle, y from its top, in heights."""

CROWDS = {1: (1, 1, 300.0), 20: (2, 10, 170.0), 80: (4, 20, 86.0)}
"""People -> rows, columns, and height of each in pixels."""


def crowd(rows: int, columns: int, height: float) -> FloatArray:
    """Return people (p, 18, 3) in a grid over the picture, a little out of line."""
    rng = np.random.default_rng(rows * columns)
    people_pk3 = np.ones((rows * columns, 18, 3), np.float32)
    pitch_y, pitch_x = HEIGHT_PX / rows, WIDTH_PX / columns
    for p, person_k3 in enumerate(people_pk3):
        row, column = divmod(p, columns)
        x = (column + 0.5) * pitch_x + rng.uniform(-0.1, 0.1) * pitch_x
        y = row * pitch_y + 0.5 * (pitch_y - height) + rng.uniform(-3, 3)
        person_k3[:, :2] = np.array(STANDING) * height + (x, y)
    return people_pk3


def maps_of(people: int) -> Maps:
    people_pk3 = crowd(*CROWDS[people])
    maps = (
        pcm_targets(people_pk3, HEIGHT_PX, WIDTH_PX),
        paf_targets(people_pk3, HEIGHT_PX, WIDTH_PX),
    )
    rng = np.random.default_rng(7)
    return Maps(*(m + rng.normal(0, NOISE, m.shape).astype(np.float32) for m in maps))


def steps(maps: Maps, options: GroupingOptions) -> dict[str, Callable[[], object]]:
    """Return each step as a call on the results of those before it, then all of them."""
    placement = Placement(1.0, 1.0)
    peaks = find_peaks(maps.pcm_chw, threshold=options.peak_threshold, max_peaks=options.max_peaks)
    pairs = score_pairs(peaks, maps.paf_chw, options)
    chosen = match(pairs, "hungarian")
    assembly = assemble(peaks, pairs, chosen, min_keypoints=options.min_keypoints)
    grouped = group(maps, options)
    return {
        "peaks": lambda: find_peaks(
            maps.pcm_chw, threshold=options.peak_threshold, max_peaks=options.max_peaks
        ),
        "pair scores": lambda: score_pairs(peaks, maps.paf_chw, options),
        "matching (Hungarian)": lambda: match(pairs, "hungarian"),
        "matching (greedy)": lambda: match(pairs, "greedy"),
        "assembly": lambda: assemble(peaks, pairs, chosen, min_keypoints=options.min_keypoints),
        "people": lambda: select_people(
            peaks, assembly, min_mean_score=options.min_mean_score, min_score=options.min_score
        ),
        "all of group()": lambda: group(maps, options),
        "to_people()": lambda: to_people(grouped, placement, WIDTH_PX, HEIGHT_PX),
    }


def timed_ms(call: Callable[[], object], seconds: float) -> dict[str, float]:
    """Return median, quartiles and minimum of a call's time over about so many seconds."""
    for _ in range(5):
        call()
    times_ms = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times_ms) < 20:
        begun = time.perf_counter()
        call()
        times_ms.append(1000 * (time.perf_counter() - begun))
    low, median, high = np.percentile(times_ms, (25, 50, 75)).tolist()
    return {"median": median, "p25": low, "p75": high, "min": min(times_ms)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seconds", type=float, default=1.0, help="time spent on each row")
    arguments = parser.parse_args()
    options = GroupingOptions()
    result = {}
    for people in CROWDS:
        maps = maps_of(people)
        found = len(group(maps, options).score_p)
        rows = {
            name: timed_ms(call, arguments.seconds) for name, call in steps(maps, options).items()
        }
        result[str(people)] = {"found": found, "ms": rows}
    if arguments.json:
        print(json.dumps(result))
        return
    for people, figures in result.items():
        print(f"{people} people ({figures['found']} found), ms: median [quartiles], fastest")
        for name, ms in figures["ms"].items():
            spread = f"[{ms['p25']:.3f} .. {ms['p75']:.3f}]"
            print(f"  {name:<22}{ms['median']:8.3f}  {spread:<20}{ms['min']:8.3f}")


if __name__ == "__main__":
    main()
