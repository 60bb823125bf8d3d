"""Which pictures are played: the whole vtest.avi where it is at hand, else the demo's cut of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

from ingest.prepare import fit_height

if TYPE_CHECKING:
    from ghostpose.types import ByteArray

ROOT = Path(__file__).parents[1]
WHOLE = ROOT.parent / "shared" / "data" / "clips" / "vtest.avi"
CUT = ROOT / "docs" / "media" / "vtest-cut.mp4"

CLIP = WHOLE if WHOLE.exists() else CUT


def source_size(clip: Path) -> tuple[int, int]:
    """Return width and height of a clip's pictures."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


def pictures(clip: Path, height: int, count: int) -> list[ByteArray]:
    """Return `count` pictures spread over the clip, resized as ingest does."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        every = max(1, (stream.frames or count) // count)
        chosen = [f for k, f in enumerate(container.decode(stream)) if k % every == 0][:count]
    width, _ = fit_height(chosen[0].width, chosen[0].height, height)
    return [
        frame.reformat(width, height, "bgr24", interpolation="AREA").to_ndarray()
        for frame in chosen
    ]


def at_rate(clip: Path, fps: float, folder: Path) -> Path:
    """Return a copy of a clip that plays at so many frames a second; nothing is coded anew."""
    path = folder / f"{clip.stem}-{fps:.4g}fps.mkv"
    if path.exists():
        return path
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copied = target.add_stream_from_template(stream)
        unit = Fraction(1, 1000)
        for number, packet in enumerate(p for p in source.demux(stream) if p.size):
            packet.pts = packet.dts = round(number * 1000 / fps)
            packet.duration, packet.time_base, packet.stream = round(1000 / fps), unit, copied
            target.mux(packet)
    return path
