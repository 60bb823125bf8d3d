"""Maps that the network gave of a clip, of frames with several people, for stubs to give again."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.clips import pictures
from postprocess.grouping import GroupingOptions, group
from workers.engines import create_engine
from workers.engines.padding import pad_to_stride

if TYPE_CHECKING:
    from pathlib import Path

    from ghostpose.types import ByteArray, Maps

LOOKED_AT = 200
PEOPLE = 3
"""At least so many are found in each recorded frame."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Frames' pictures and maps in the order of the clip, and how many people are in each."""

    pictures: tuple[ByteArray, ...]
    maps: tuple[Maps, ...]
    people: tuple[int, ...]

    @property
    def mean_people(self) -> float:
        return statistics.mean(self.people)


def record_maps(clip: Path, height: int) -> Recorded:
    """Run the network over a clip and keep the frames in which enough people are found."""
    engine, options = create_engine("openvino"), GroupingOptions()
    kept: list[tuple[ByteArray, Maps, int]] = []
    for picture in pictures(clip, height, LOOKED_AT):
        maps = engine.infer([pad_to_stride(picture)])[0]
        people = len(group(maps, options).score_p)
        if people >= PEOPLE:
            kept.append((picture, maps, people))
    if not kept:
        raise ValueError(f"{clip}: in no frame are {PEOPLE} people found at height {height}")
    seen, maps_found, counts = zip(*kept, strict=True)
    return Recorded(seen, maps_found, counts)
