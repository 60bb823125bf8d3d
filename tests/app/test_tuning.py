"""`ghostpose cameras tune`: heights, who is found at each, and the advice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.cli.main import main
from app.tuning import HeightResult, advise, collect_samples, heights_for, try_heights
from ghostpose.bus import Bus, Registry
from ghostpose.config import CameraConfig
from ghostpose.errors import SourceError
from workers.engines import create_engine

if TYPE_CHECKING:
    from ghostpose.bus import EmbeddedServer

CLIP = Path(__file__).parents[2] / "docs" / "media" / "vtest-cut.mp4"


def results(**people: float) -> list[HeightResult]:
    return [HeightResult(int(name[1:]), 10, count, 1.0) for name, count in people.items()]


@pytest.mark.parametrize(
    ("found", "advice"),
    [
        (results(h256=0.8, h368=3.8, h480=4.8, h576=5.1, h720=5.3), 576),
        (results(h256=2.0, h368=2.0, h480=2.0), 256),
        (results(h480=2.0, h368=2.0, h256=1.0), 368),
        (results(h256=1.0, h368=2.0), 368),
        (results(h256=3.0, h368=2.0, h480=2.95), 256),
        (results(h256=0.0, h368=0.02, h480=0.0), 256),
        (results(h256=0.0, h368=0.0), None),
        (results(h368=1.0), 368),
    ],
    ids=lambda value: str(value) if not isinstance(value, list) else "",
)
def test_the_advice_is_the_smallest_height_above_which_no_more_are_found(
    found: list[HeightResult], advice: int | None
) -> None:
    assert advise(found) == advice


def test_heights_that_would_only_enlarge_are_not_tried() -> None:
    camera = CameraConfig(name="door", source="x")
    assert heights_for(camera, 576) == (192, 256, 368, 480, 576, 720)
    region = camera.model_copy(update={"region": (0, 0, 100, 300)})
    assert heights_for(region, 1080) == (192, 256, 368)
    assert heights_for(camera, 64) == (192,)


def test_pictures_are_spread_over_the_time_and_prepared_as_ingest_does() -> None:
    camera = CameraConfig(name="clip", source=str(CLIP), region=(100, 0, 400, 400))
    samples = collect_samples(camera, (96, 192), seconds=10, frames=5)
    assert {height: len(taken) for height, taken in samples.items()} == {96: 5, 192: 5}
    sample = samples[96][0]
    assert (sample.picture.width, sample.picture.height) == (96, 96)
    assert (sample.placement.left, sample.width, sample.height) == (100, 768, 576)


def test_a_source_without_pictures_is_told(tmp_path: Path) -> None:
    camera = CameraConfig(name="door", source="pattern:frames=1", start_s=100)
    with pytest.raises(SourceError):
        collect_samples(camera, (96,), seconds=1, frames=1)


def test_people_far_away_need_a_larger_height() -> None:
    """With the network that comes with ghostpose, on the clip whose people are small."""
    camera = CameraConfig(name="clip", source=str(CLIP))
    samples = collect_samples(camera, (192, 576), seconds=24, frames=4)
    small, large = try_heights(samples, create_engine(threads=1))
    assert large.people > small.people + 2
    assert small.ms > 0
    assert advise([small, large]) == 576


@pytest.mark.parametrize("camera", [str(CLIP), "rtsp://127.0.0.1:9/live"])
def test_only_a_camera_of_the_registry_can_be_set_which_is_said_before_a_minute_is_spent(
    camera: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["cameras", "tune", camera, "--set"])
    assert caught.value.code == 2
    assert "--set sets a camera of the registry" in capsys.readouterr().err


def test_the_height_found_is_set(
    bus: Bus, server: EmbeddedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = Registry(bus)
    registry.add(CameraConfig(name="clip", source=str(CLIP), height=576))
    arguments = ["clip", "--seconds", "4", "--frames", "2", "--height", "96", "--height", "192"]
    common = ["--engine", "stub:0", "--redis", server.url]
    for more in ([], ["--set"], ["--json"]):
        with pytest.raises(SystemExit) as caught:
            main(["cameras", "tune", *arguments, *more, *common])
        assert not caught.value.code
    plain, with_set = capsys.readouterr().out.split("height  people")[1:]
    assert "no more people are found above height 96 (it is set to 576)" in plain
    assert "clip is set: height=96" in with_set
    told = json.loads(with_set.splitlines()[-1])
    assert told["advice"] == 96
    assert [row["height"] for row in told["heights"]] == [96, 192]
    assert registry.get("clip").settings.height == 96
