"""Rendered videos: stored people on the very pictures they were found in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from job_support import BEGIN, Command, person

from ghostpose.config import CameraConfig
from ghostpose.types import PoseMessage
from ingest.sources import open_source
from postprocess.store import Batch, open_database, write_batch

if TYPE_CHECKING:
    from ghostpose.types import ByteArray

CLIP = Path(__file__).parents[3] / "docs" / "media" / "vtest-cut.mp4"
EVERY = 5
"""The session of these tests holds every fifth picture of the clip's first 30."""

CAMERA = "vtest-cut"


@pytest.fixture(scope="module")
def pictures() -> list[tuple[float, ByteArray]]:
    """The clip's first 30 pictures at their media times."""
    source = open_source(CameraConfig(name=CAMERA, source=str(CLIP)))
    try:
        found = (p for p, _ in zip(source.pictures(), range(30), strict=False))
        return [(p.media_time, p.pixels(p.width, p.height)) for p in found]  # type: ignore[union-attr]
    finally:
        source.close()


@pytest.fixture(scope="module")
def analysed(pictures: list[tuple[float, ByteArray]], tmp_path_factory) -> str:
    """A store with two sessions of the clip; in the older one everybody is elsewhere."""
    url = f"sqlite:///{tmp_path_factory.mktemp('render') / 'poses.sqlite'}"
    times = [time_s for time_s, _ in pictures][::EVERY]
    engine = open_database(url)
    with engine.begin() as connection:
        for session, x in ((1, 500.0), (2, 100.0)):
            poses = [
                PoseMessage(CAMERA, session, n, BEGIN + t, t, 768, 576, (person(CAMERA, 1, x),))
                for n, t in enumerate(times)
            ]
            write_batch(connection, Batch(poses))
        late = PoseMessage(CAMERA, 3, 0, BEGIN, 0.05, 768, 576, ())
        write_batch(connection, Batch([late]))
    engine.dispose()
    return url


def frames_of(path: Path) -> list[tuple[float, ByteArray]]:
    with av.open(str(path)) as container:
        return [
            (float(frame.time or 0), frame.to_ndarray(format="bgr24"))
            for frame in container.decode(video=0)
        ]


def difference(ours: ByteArray, theirs: ByteArray) -> float:
    return float(np.abs(ours.astype(int) - theirs.astype(int)).mean())


DRAWN = np.s_[95:190, 98:120]
UNTOUCHED = np.s_[250:]


def test_people_are_drawn_on_the_pictures_of_their_media_time(
    analysed: str, pictures: list[tuple[float, ByteArray]], ghostpose: Command, tmp_path: Path
) -> None:
    output = tmp_path / "drawn.mp4"
    told = ghostpose("render", CLIP, "--session", "2", "--store", analysed, "--output", output)
    assert "6 frames of session 2 are drawn" in told
    drawn = frames_of(output)
    assert [t for t, _ in drawn] == pytest.approx([t for t, _ in pictures][::EVERY], abs=0.001)
    for number, (_, image_hw3) in enumerate(drawn):
        others = [difference(image_hw3[UNTOUCHED], p[UNTOUCHED]) for _, p in pictures]
        assert int(np.argmin(others)) == number * EVERY, "it is that picture and no other"
        plain = pictures[number * EVERY][1]
        assert difference(image_hw3[DRAWN], plain[DRAWN]) > 5 * others[number * EVERY]


def test_a_session_is_chosen_and_a_camera_called_otherwise_is_named(
    analysed: str, pictures: list[tuple[float, ByteArray]], ghostpose: Command, tmp_path: Path
) -> None:
    copy = tmp_path / "renamed.mp4"
    copy.symlink_to(CLIP)
    output = tmp_path / "drawn.mp4"
    chosen = ("--camera", CAMERA, "--session", "1", "--output", output)
    ghostpose("render", copy, "--store", analysed, *chosen)
    ((_, first_hw3), *_) = frames_of(output)
    plain_hw3 = pictures[0][1]
    elsewhere = np.s_[95:190, 498:520]
    assert difference(first_hw3[elsewhere], plain_hw3[elsewhere]) > 10
    assert difference(first_hw3[DRAWN], plain_hw3[DRAWN]) < 5


@pytest.mark.parametrize(
    ("video", "options", "words"),
    [
        pytest.param("no.mp4", ["--camera", CAMERA], "no.mp4", id="no such video"),
        pytest.param(CLIP, ["--camera", "attic"], "no camera 'attic'", id="unknown camera"),
        pytest.param(CLIP, ["--session", "9"], "no poses of vtest-cut, session 9", id="session"),
        pytest.param(
            "pattern:frames=3",
            ["--camera", CAMERA, "--session", "2"],
            "have 640x480 pixels",
            id="size",
        ),
        pytest.param(
            "pattern:width=768&height=576&frames=3&fps=7",
            ["--camera", CAMERA, "--session", "3"],
            "is it the recording",
            id="times",
        ),
    ],
)
def test_a_video_that_does_not_fit_is_told_and_nothing_written(
    video: str | Path,
    options: list[str],
    words: str,
    analysed: str,
    ghostpose: Command,
    tmp_path: Path,
) -> None:
    output = tmp_path / "drawn.mp4"
    said = ghostpose("render", video, "--store", analysed, "--output", output, *options, code=2)
    assert words in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_video_is_not_drawn_over_the_recording(
    analysed: str, ghostpose: Command, tmp_path: Path
) -> None:
    own = tmp_path / CLIP.name
    own.symlink_to(CLIP)
    said = ghostpose("render", CLIP, "--store", analysed, "--output", own, code=2)
    assert "this is the recording itself" in said
    assert own.is_symlink()


def test_a_full_disk_ends_a_video_with_a_sentence(
    analysed: str, ghostpose: Command, small_disk: Path
) -> None:
    chosen = ("--session", "2", "--output", small_disk / "drawn.mp4")
    said = ghostpose("render", CLIP, "--store", analysed, *chosen, code=1)
    assert "No space left on device; nothing is left" in said
    assert list(small_disk.iterdir()) == []


def test_a_camera_whose_pictures_are_never_kept_is_not_drawn(
    analysed: str, ghostpose: Command, tmp_path: Path
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(f"cameras: [{{name: {CAMERA}, source: any, pixels: never}}]")
    output = tmp_path / "drawn.mp4"
    said = ghostpose(
        "render", CLIP, "--config", site, "--store", analysed, "--output", output, code=2
    )
    assert "'never'" in said
