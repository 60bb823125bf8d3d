from __future__ import annotations

from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np

from ingest.sources import Undecodable, open_source, probe
from ingest.sources.test_pattern import PatternOptions, figures_at, make_figures

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.config import CameraConfig
    from ghostpose.types import ByteArray


def pictures(camera: CameraConfig, count: int | None = None) -> list[ByteArray]:
    found = []
    for item in islice(open_source(camera).pictures(), count):
        assert not isinstance(item, Undecodable)
        found.append(item.pixels(item.width, item.height))
    return found


def test_the_pattern_is_the_same_in_every_run(camera: Callable[..., CameraConfig]) -> None:
    config = camera("pattern:people=2&frames=5&width=160&height=120")
    first, second = pictures(config), pictures(config)
    assert len(first) == 5
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    other = pictures(camera("pattern:people=2&frames=5&width=160&height=120&seed=1"))
    assert (first[0] != other[0]).any()


def test_people_move_from_frame_to_frame(camera: Callable[..., CameraConfig]) -> None:
    frames = pictures(camera("pattern:width=160&height=120"), 10)
    assert all((a != b).any() for a, b in pairwise(frames))


def test_without_a_number_of_frames_it_is_endless(camera: Callable[..., CameraConfig]) -> None:
    config = camera("pattern:fps=5&width=64&height=48&people=0")
    assert probe(config).frames is None
    source = open_source(config)
    times = [
        item.media_time
        for item in islice(source.pictures(), 30)
        if not isinstance(item, Undecodable)
    ]
    assert times == [k / 5 for k in range(30)]


def test_a_finite_pattern_says_how_long_it_is(camera: Callable[..., CameraConfig]) -> None:
    info = probe(camera("pattern:frames=50&fps=25", start_s=1.0))
    assert (info.frames, info.length_s) == (25, 2.0)


def test_everybody_stays_in_the_picture() -> None:
    options = PatternOptions(people=20)
    figures = make_figures(options)
    for time_s in np.linspace(0, 60, 50):
        points = figures_at(figures, options.width, float(time_s))
        assert points.shape == (20, 18, 2)
        assert points[..., 0].min() >= 0
        assert points[..., 0].max() < options.width
        assert points[..., 1].min() >= 0
        assert points[..., 1].max() < options.height
