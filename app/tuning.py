"""Which network height a camera needs: the same pictures at several heights, and who is found.

Pictures are prepared and coded as ingest does it, so that the figures are those of the pipeline.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ghostpose.codec.images import decode_picture, encode_picture
from ghostpose.errors import SourceError
from ingest.prepare import plan_for, prepare
from ingest.sources import NoPicture, open_source
from postprocess.grouping import GroupingOptions, group, to_people
from postprocess.grouping import warm_up as warm_up_grouping
from workers.engines.padding import pad_to_stride, padded_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ghostpose.config import CameraConfig
    from ghostpose.types import EncodedPicture, Placement
    from ingest.sources import Picture, Source
    from workers.engines import Engine

HEIGHTS: Final = (192, 256, 368, 480, 576, 720, 960)
"""Heights that are tried unless others are asked for, but for those far above the picture's."""

ENLARGED: Final = 1.25
"""A picture enlarged by more than this shows the network nothing new."""

FOUND_MORE: Final = 0.05
"""A larger height finds more people if it finds so much more, as a share, than a smaller one..."""

FEWEST_MORE: Final = 0.05
"""... and at least so many people a frame more: one in twenty frames."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of the camera at one height, as ingest would publish it."""

    picture: EncodedPicture
    placement: Placement
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class HeightResult:
    """What a height gave: people a frame on average, and the median ms of network and grouping."""

    height: int
    frames: int
    people: float
    ms: float


def advise(results: Sequence[HeightResult]) -> int | None:
    """Return the smallest height above which no more people are found; None: none were found.

    More are found if a larger height finds over `FOUND_MORE` and over `FEWEST_MORE` more.
    """
    ordered = sorted(results, key=lambda result: result.height)
    if not any(result.people for result in ordered):
        return None
    for number, result in enumerate(ordered):
        most = max((larger.people for larger in ordered[number + 1 :]), default=0.0)
        if most - result.people <= max(FOUND_MORE * most, FEWEST_MORE):
            return result.height
    raise AssertionError("the largest height has none above it")


def heights_for(camera: CameraConfig, source_height: int) -> tuple[int, ...]:
    """Return the heights worth trying for what is looked at of a picture of so many rows."""
    rows = source_height if camera.region is None else camera.region[3]
    return tuple(height for height in HEIGHTS if height <= ENLARGED * rows) or HEIGHTS[:1]


def collect_samples(
    camera: CameraConfig, heights: Sequence[int], seconds: float, frames: int
) -> dict[int, list[Sample]]:
    """Read so many seconds of a camera and take so many pictures of them, at each height.

    Without `heights`, those of `heights_for`.

    Raises:
        SourceError: the camera can't be opened or read, or gives no picture.
    """
    source = open_source(camera)
    try:
        chosen = tuple(heights) or heights_for(camera, source.info.height)
        samples: dict[int, list[Sample]] = {height: [] for height in chosen}
        for picture in _spread(source, seconds, frames):
            for height, taken in samples.items():
                taken.append(_sample(camera.model_copy(update={"height": height}), picture))
    finally:
        source.close()
    if not all(samples.values()):
        raise SourceError(f"camera {camera.name}: it was opened, and no picture came of it")
    return samples


def _spread(source: Source, seconds: float, frames: int) -> Iterator[Picture]:
    """Yield at most `frames` pictures, evenly spread over `seconds` of the source's time."""
    began_s, first_s, due_s = time.monotonic(), None, 0.0
    for item in source.pictures():
        if isinstance(item, NoPicture):
            continue
        clock_s = time.monotonic() - began_s
        at_s = clock_s if source.info.live or item.media_time is None else item.media_time
        first_s = at_s if first_s is None else first_s
        if at_s - first_s >= seconds:
            return
        if at_s - first_s >= due_s:
            due_s += seconds / frames
            yield item


def _sample(camera: CameraConfig, picture: Picture) -> Sample:
    plan = plan_for(camera, picture.width, picture.height)
    coded = encode_picture(prepare(picture, plan), camera.picture, camera.quality)
    return Sample(coded, plan.placement, picture.width, picture.height)


def try_heights(
    samples: Mapping[int, Sequence[Sample]],
    engine: Engine,
    done: Callable[[HeightResult], None] = lambda _: None,
) -> list[HeightResult]:
    """Find the people of all samples; `done` is told of each height as it is finished."""
    options, results = GroupingOptions(), []
    warm_up_grouping(options)
    for height, taken in sorted(samples.items()):
        picture = taken[0].picture
        engine.warm_up(padded_side(picture.height), padded_side(picture.width))
        found = [_find(sample, engine, options) for sample in taken]
        people = statistics.fmean(count for count, _ in found)
        median_ms = statistics.median(ms for _, ms in found)
        results.append(HeightResult(height, len(found), people, median_ms))
        done(results[-1])
    return results


def _find(sample: Sample, engine: Engine, options: GroupingOptions) -> tuple[int, float]:
    """Return how many people there are, and the ms that network and grouping took."""
    image_hw3 = pad_to_stride(decode_picture(sample.picture))
    began_s = time.perf_counter()
    (maps,) = engine.infer([image_hw3])
    people = to_people(
        group(maps, options),
        sample.placement,
        sample.width,
        sample.height,
        min_keypoints=options.min_keypoints,
    )
    return len(people), 1000 * (time.perf_counter() - began_s)
