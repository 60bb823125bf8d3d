"""Clips and cameras for the ingest tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from ingest_fakes import Consumer
from registry_ingest import PROGRAM, Ingest

from ghostpose.config import CameraConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ghostpose.bus import Bus, EmbeddedServer

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "docs" / "media" / "vtest-cut.mp4"
CLIPS = ROOT.parent / "shared" / "data" / "clips"


@pytest.fixture(scope="session")
def clip() -> Path:
    """240 frames of 768x576 at 10 frames a second, H.264 with B-frames, index at the end."""
    return CLIP


@pytest.fixture(scope="session")
def clips() -> Path:
    if not CLIPS.is_dir():
        pytest.skip(f"the clips are not at {CLIPS}")
    return CLIPS


@pytest.fixture
def camera() -> Callable[..., CameraConfig]:
    def make(source: object, **options: object) -> CameraConfig:
        return CameraConfig.model_validate(
            {"name": "cam", "source": str(source), "policy": "every", **options}
        )

    return make


@pytest.fixture(scope="session")
def remux(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write the clip into another container without coding it again."""

    def write(name: str, **options: str) -> Path:
        target = tmp_path_factory.mktemp("remuxed") / name
        with av.open(str(clip)) as source, av.open(str(target), "w", options=options) as out:
            stream = source.streams.video[0]
            copy = out.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.dts is not None:
                    packet.stream = copy
                    out.mux(packet)
        return target

    return write


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Encode a small video; picture k is filled with grey 10 + 8k, so its order can be seen."""

    def write(
        name: str = "made.mp4",
        *,
        frames: int = 20,
        fps: int = 10,
        size: tuple[int, int] = (64, 48),
        pts: list[int] | None = None,
        metadata: dict[str, str] | None = None,
        draw: Callable[[int], np.ndarray] | None = None,
        options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as out:
            out.metadata.update(metadata or {})
            stream = out.add_stream("libx264", rate=fps, options=options or {"bf": "2"})
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            for k in range(frames):
                image = (
                    draw(k) if draw else np.full((size[1], size[0], 3), 10 + 8 * k % 240, np.uint8)
                )
                frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                frame.time_base = Fraction(1, fps)
                frame.pts = pts[k] if pts else k
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        return path

    return write


@pytest.fixture
def audio_only(tmp_path: Path) -> Path:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=16000)
        for k in range(20):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 16000, 1024 * k
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture
def consumer(bus: Bus, server: EmbeddedServer) -> Iterator[Consumer]:
    """Commit a gap for every frame that is published."""
    with Consumer(server.url) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path, server: EmbeddedServer) -> Iterator[Callable[[], Ingest]]:
    script = tmp_path / "shared_ingest.py"
    script.write_text(PROGRAM)
    started: list[Ingest] = []

    def one() -> Ingest:
        started.append(Ingest(str(script), server.url))
        return started[-1]

    yield one
    for ingest in started:
        if ingest.process.poll() is None:
            ingest.kill_all()
