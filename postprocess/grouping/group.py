"""The five steps in a row: maps in, people out."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ghostpose.skeleton import PAF_CHANNELS, PCM_CHANNELS, STRIDE
from ghostpose.types import Maps, Placement
from postprocess.grouping.assembly import assemble
from postprocess.grouping.matching import match
from postprocess.grouping.pair_scores import score_pairs
from postprocess.grouping.peaks import find_peaks
from postprocess.grouping.people import select_people, to_people

if TYPE_CHECKING:
    from postprocess.grouping.options import GroupingOptions
    from postprocess.grouping.people import GroupedPeople

_log = logging.getLogger(f"{__name__}.group")


def group(maps: Maps, options: GroupingOptions) -> GroupedPeople:
    """Return the people of one picture in network-input pixels.

    Maps may hold any numbers: those that aren't finite are no evidence. What a limit leaves out is
    counted in `capped` and logged.
    """
    peaks = find_peaks(maps.pcm_chw, threshold=options.peak_threshold, max_peaks=options.max_peaks)
    pairs = score_pairs(peaks, maps.paf_chw, options, offset_cells=maps.paf_offset_cells)
    chosen = match(pairs, options.matching)
    assembly = assemble(peaks, pairs, chosen, min_keypoints=options.min_keypoints)
    people = select_people(
        peaks, assembly, min_mean_score=options.min_mean_score, min_score=options.min_score
    )
    if not peaks.dropped and not people.capped:
        return people
    _log.warning(
        "Left out %d peaks (limit %d a key point) and %d people of one picture",
        peaks.dropped,
        options.max_peaks,
        people.capped,
    )
    return replace(people, capped=people.capped + peaks.dropped)


def warm_up(options: GroupingOptions) -> None:
    """Compile the kernels, or load them, so that the first picture isn't held up by seconds."""
    size = (4, 4)
    empty = Maps(
        np.zeros((PCM_CHANNELS, *size), np.float32), np.zeros((PAF_CHANNELS, *size), np.float32)
    )
    to_people(group(empty, options), Placement(1.0, 1.0), STRIDE, STRIDE)
