"""The demo's cameras fit its clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest

from app.demo import CAMERAS, CLIP, demo_config
from ghostpose.config import InferenceConfig
from ghostpose.errors import ConfigError, SourceError
from ingest.sources import probe

if TYPE_CHECKING:
    from pathlib import Path


def test_the_cameras_start_at_different_places_of_the_clip() -> None:
    cameras = demo_config(None, InferenceConfig()).cameras
    assert [camera.name for camera in cameras] == list(CAMERAS)
    assert [camera.start_s for camera in cameras] == pytest.approx([0, 8, 14, 18], abs=0.2)


def test_a_clip_of_two_seconds_is_long_enough(tmp_path: Path) -> None:
    short = tmp_path / "short.mp4"
    cut(short, frames=20)
    cameras = demo_config(short, InferenceConfig()).cameras
    assert [camera.start_s for camera in cameras] == pytest.approx([0, 2 / 3, 7 / 6, 1.5], abs=0.1)
    for camera in cameras:
        assert probe(camera).width == 768


def cut(path: Path, frames: int) -> None:
    """Write the first frames of the clip."""
    with av.open(str(CLIP)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in [p for p in source.demux(video=0) if p.dts is not None][:frames]:
            packet.stream = stream
            target.mux(packet)


def test_a_clip_that_is_not_there_or_no_video_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.mp4 is not there"):
        demo_config(tmp_path / "none.mp4", InferenceConfig())
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(SourceError, match=r"text\.mp4"):
        demo_config(tmp_path / "text.mp4", InferenceConfig())
