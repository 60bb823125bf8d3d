"""The people of a sequence's frames, as the pipeline would find them before it tracks them."""

from __future__ import annotations

import configparser
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ghostpose.config import CameraConfig
from ghostpose.errors import DataError
from ingest.clock import MediaClock
from ingest.prepare import plan_for, prepare
from ingest.sources import NoPicture, open_source
from postprocess.grouping import group, to_people
from workers.engines.padding import pad_to_stride

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghostpose.types import Person
    from ingest.sources import Picture
    from postprocess.grouping import GroupingOptions
    from workers.engines import Engine


@dataclass(frozen=True, slots=True)
class Sequence:
    """What is to be evaluated: a clip or a folder of frames, how many rows the network sees.

    Every so many-th frame is looked at, from the first, for each number in `every`. `fps`, if
    given, is when the frames were taken, whatever their source says.
    """

    source: str
    height: int
    fps: float | None = None
    every: tuple[int, ...] = (1,)

    def wants(self, number: int) -> bool:
        """Return whether a frame, numbered from 1, is looked at."""
        return any(is_kept(number, every) for every in self.every)


@dataclass(frozen=True, slots=True, eq=False)
class Detected:
    """One frame: its number from 1, time, width and height in pixels, and who was found in it."""

    number: int
    media_time: float
    size: tuple[int, int]
    people: tuple[Person, ...]
    network_ms: float
    grouping_ms: float


def detect(
    engine: Engine, sequence: Sequence, last: int, options: GroupingOptions
) -> Iterator[Detected]:
    """Find people in a sequence's frames up to number `last`; damaged ones are left out.

    Raises:
        SourceError: the source can't be opened, or a picture would be too large.
        DataError: a frame that should be judged isn't there.
    """
    camera = CameraConfig(name="sequence", source=sequence.source, height=sequence.height)
    fps = sequence.fps or _told_fps(sequence.source)
    source = open_source(camera)
    number = 0
    try:
        clock = MediaClock(source.info.nominal_interval_s)
        for number, picture in enumerate(source.pictures(), 1):
            if not isinstance(picture, NoPicture):
                time_s = clock.read(picture.media_time) if fps is None else (number - 1) / fps
                if sequence.wants(number):
                    yield _look_at(engine, camera, picture, number, time_s, options)
            if number == last:
                return
    finally:
        source.close()
    raise DataError(f"{sequence.source} has {number} frames, but the ground truth reaches {last}")


def is_kept(number: int, every: int) -> bool:
    """Return whether a frame, numbered from 1, is among every `every`-th from the first."""
    return (number - 1) % every == 0


def _told_fps(source: str) -> float | None:
    """Return the frame rate in the `seqinfo.ini` that MOTChallenge puts beside a folder."""
    folder = Path(source)
    if not folder.is_dir():
        return None
    parser = configparser.ConfigParser()
    try:
        parser.read(folder.parent / "seqinfo.ini", encoding="utf-8")
        fps = parser.getfloat("Sequence", "frameRate")
    except (configparser.Error, ValueError):
        return None
    return fps if fps > 0 else None


def _look_at(
    engine: Engine,
    camera: CameraConfig,
    picture: Picture,
    number: int,
    time_s: float,
    options: GroupingOptions,
) -> Detected:
    plan = plan_for(camera, picture.width, picture.height)
    begun_s = time.perf_counter()
    (maps,) = engine.infer([pad_to_stride(prepare(picture, plan))])
    inferred_s = time.perf_counter()
    people = to_people(
        group(maps, options),
        plan.placement,
        picture.width,
        picture.height,
        min_keypoints=options.min_keypoints,
    )
    grouped_s = time.perf_counter()
    return Detected(
        number=number,
        media_time=time_s,
        size=(picture.width, picture.height),
        people=people,
        network_ms=1e3 * (inferred_s - begun_s),
        grouping_ms=1e3 * (grouped_s - inferred_s),
    )
