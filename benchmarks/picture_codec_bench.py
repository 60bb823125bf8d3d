"""What a picture costs on its way from ingest to inference: resizing, coding, moving.

    python benchmarks/picture_codec_bench.py [CLIP] [--height 368] [--poses]

Answers three questions with figures of this machine: which way of resizing a decoded frame is
cheapest and as good; whether JPEG or raw pictures should travel on one machine and over a network;
and with --poses what JPEG costs in poses (the shipped network on raw and on JPEG pictures).
Each figure is the median over frames of the best of five attempts, in one thread: on a machine
that does other things too, the best says most.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import av
import cv2
import numpy as np
import redis
from av.video.reformatter import VideoReformatter

from ghostpose.bus import EmbeddedServer
from ghostpose.codec.images import decode_picture, encode_picture
from ingest.prepare import fit_height, resize
from ingest.sources.video_picture import VideoPicture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ghostpose.types import ByteArray, EncodedPicture, PictureCodec

CLIP = Path(__file__).parents[1] / "docs" / "media" / "vtest-cut.mp4"
QUALITIES = (80, 90, 95)
REPEATS = 5

Item = TypeVar("Item")
NETWORKS_MBIT = (100, 1000)


@dataclass(frozen=True, slots=True)
class CodecRow:
    """One way of coding, per picture.

    `hop_ms`: written to the server and read back; `cpu_ms`: what coding, a hop over the unix socket
    and decoding cost in processor time, ours and the server's, which other load hardly changes.
    """

    name: str
    kilobytes: float
    encode_ms: float
    decode_ms: float
    unix_hop_ms: float
    tcp_hop_ms: float
    cpu_ms: float

    @property
    def one_machine_ms(self) -> float:
        return self.encode_ms + self.unix_hop_ms + self.decode_ms

    def network_ms(self, mbit_per_s: int) -> float:
        """Twice over the wire: to the server and from it; the local hop is what it costs to do."""
        wire_ms = 2 * self.kilobytes * 8.192 / mbit_per_s
        return self.encode_ms + self.tcp_hop_ms + wire_ms + self.decode_ms


def best_ms(step: Callable[[], object]) -> float:
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        step()
        took.append(1000 * (time.perf_counter() - began))
    return min(took)


def median_over(items: Iterable[Item], step: Callable[[Item], object]) -> float:
    return statistics.median(best_ms(lambda item=item: step(item)) for item in items)


def read_frames(clip: Path, count: int) -> list[av.VideoFrame]:
    """Read `count` frames spread over the clip."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        total = stream.frames or count
        every = max(1, total // count)
        frames = [f for k, f in enumerate(container.decode(stream)) if k % every == 0]
    return frames[:count]


def decoding_ms(clip: Path, threads: int, frames: int = 150) -> float:
    """Return ms a frame, wall clock, with so many decoder threads (1: none beside)."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE" if threads == 1 else "FRAME"
        stream.codec_context.thread_count = threads
        began, done = time.perf_counter(), 0
        for _ in container.decode(stream):
            done += 1
            if done == frames:
                break
    return 1000 * (time.perf_counter() - began) / done


def resizing(frames: list[av.VideoFrame], height: int) -> dict[str, dict[str, float]]:
    """Compare FFmpeg's scaler from the decoder's format with OpenCV's after a full conversion."""
    width, _ = fit_height(frames[0].width, frames[0].height, height)
    reformatter = VideoReformatter()
    pictures = [VideoPicture(frame, 0.0, 0, reformatter) for frame in frames]

    def with_opencv(picture: VideoPicture) -> ByteArray:
        return resize(picture.frame.to_ndarray(format="bgr24"), width, height)

    def with_ffmpeg(picture: VideoPicture) -> ByteArray:
        return picture.pixels(width, height)

    psnr = statistics.median(cv2.PSNR(with_ffmpeg(p), with_opencv(p)) for p in pictures)
    return {
        "opencv": {"ms": median_over(pictures, with_opencv)},
        "ffmpeg": {"ms": median_over(pictures, with_ffmpeg), "psnr_against_opencv_db": psnr},
    }


def coding(images: list[ByteArray], clients: tuple[redis.Redis, redis.Redis]) -> list[CodecRow]:
    ways: list[tuple[str, PictureCodec, int]] = [("raw", "raw", 90)]
    ways += [(f"jpeg {quality}", "jpeg", quality) for quality in QUALITIES]
    return [_row(name, codec, quality, images, clients) for name, codec, quality in ways]


def _row(
    name: str,
    codec: PictureCodec,
    quality: int,
    images: list[ByteArray],
    clients: tuple[redis.Redis, redis.Redis],
) -> CodecRow:
    coded = [encode_picture(image, codec, quality) for image in images]
    return CodecRow(
        name=name,
        kilobytes=statistics.mean(len(picture.data) for picture in coded) / 1024,
        encode_ms=median_over(images, lambda image: encode_picture(image, codec, quality)),
        # The network wants an array it owns: reading raw bytes in place would hide a copy.
        decode_ms=median_over(coded, lambda picture: decode_picture(picture).copy()),
        unix_hop_ms=median_over(coded, lambda picture: _hop(clients[0], picture)),
        tcp_hop_ms=median_over(coded, lambda picture: _hop(clients[1], picture)),
        cpu_ms=cpu_ms(codec, quality, images, clients[0]),
    )


def cpu_ms(
    codec: PictureCodec, quality: int, images: list[ByteArray], client: redis.Redis
) -> float:
    began = time.process_time() + _server_cpu_s(client)
    for _ in range(REPEATS):
        for image in images:
            picture = encode_picture(image, codec, quality)
            _hop(client, picture)
            decode_picture(picture).copy()
    ended = time.process_time() + _server_cpu_s(client)
    return 1000 * (ended - began) / (REPEATS * len(images))


def _server_cpu_s(client: redis.Redis) -> float:
    info = client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def _hop(client: redis.Redis, picture: EncodedPicture) -> None:
    """Append to a stream, read back, remove: what publishing and taking a frame do."""
    entry = client.xadd("bench", {"p": picture.data})
    client.xrange("bench", entry, entry)
    client.xdel("bench", entry)


def pose_agreement(images: list[ByteArray]) -> list[dict[str, float | str]]:
    """Count people on raw pictures and on JPEG ones, and how far their key points moved."""
    from ghostpose.types import Placement
    from postprocess.grouping import GroupingOptions, group, to_people
    from workers.engines import create_engine
    from workers.engines.padding import pad_to_stride

    engine = create_engine("auto")

    def points(image: ByteArray) -> list[np.ndarray]:
        height, width = image.shape[:2]
        found = group(engine.infer([pad_to_stride(image)])[0], GroupingOptions())
        people = to_people(found, Placement(1.0, 1.0), width, height)
        return [person.keypoints_k3 for person in people]

    raw = [points(image) for image in images]
    rows: list[dict[str, float | str]] = []
    for quality in QUALITIES:
        coded = [decode_picture(encode_picture(image, "jpeg", quality)) for image in images]
        rows.append({"name": f"jpeg {quality}", **_agreement(raw, [points(i) for i in coded])})
    return rows


def _agreement(raw: list[list[np.ndarray]], coded: list[list[np.ndarray]]) -> dict[str, float]:
    distances: list[float] = []
    for before, after in zip(raw, coded, strict=True):
        distances += [d for person in before for d in _moved(person, after)]
    return {
        "people_raw": sum(map(len, raw)),
        "people_jpeg": sum(map(len, coded)),
        "keypoints_within_1_px": float(np.mean(np.array(distances) <= 1.0)) if distances else 1.0,
    }


def _moved(person: np.ndarray, others: list[np.ndarray]) -> list[float]:
    """Distances of a person's key points to those of whoever is nearest; lost ones are infinite."""
    seen = person[:, 2] > 0
    best = [float("inf")] * int(seen.sum())
    for other in others:
        both = seen & (other[:, 2] > 0)
        gone = np.where(both, np.hypot(*(person - other)[:, :2].T), np.inf)[seen]
        if np.median(gone) < np.median(best):
            best = [float(distance) for distance in gone]
    return best


def measure(clip: Path, height: int, count: int, *, poses: bool) -> dict[str, object]:
    cv2.setNumThreads(1)
    frames = read_frames(clip, count)
    width, _ = fit_height(frames[0].width, frames[0].height, height)
    reformatter = VideoReformatter()
    images = [VideoPicture(f, 0.0, 0, reformatter).pixels(width, height) for f in frames]
    port = free_port()
    with (
        EmbeddedServer(port=port) as server,
        redis.Redis.from_url(server.url) as unix,
        redis.Redis(port=port) as tcp,
    ):
        rows = coding(images, (unix, tcp))
    return {
        "clip": clip.name,
        "source": f"{frames[0].width}x{frames[0].height}",
        "picture": f"{width}x{height}",
        "decode_ms": {f"{threads} threads": decoding_ms(clip, threads) for threads in (1, 2)},
        "resize": resizing(frames, height),
        "coding": [asdict(row) | totals(row) for row in rows],
        "poses": pose_agreement(images) if poses else [],
    }


def totals(row: CodecRow) -> dict[str, float]:
    networks = {f"network_{mbit}_mbit_ms": row.network_ms(mbit) for mbit in NETWORKS_MBIT}
    return {"one_machine_ms": row.one_machine_ms, **networks}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def show(result: dict[str, object]) -> None:
    for name, value in result.items():
        if isinstance(value, list):
            print(f"{name}:")
            for row in value:
                print("  " + "  ".join(f"{key} {_short(cell)}" for key, cell in row.items()))
        else:
            print(f"{name}: {_short(value)}")


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(cell)}" for key, cell in value.items())
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("clip", type=Path, nargs="?", default=CLIP)
    parser.add_argument("--height", type=int, default=368, help="network height, pixels")
    parser.add_argument("--frames", type=int, default=40, help="frames to measure on")
    parser.add_argument("--poses", action="store_true", help="also run the network")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    result = measure(given.clip, given.height, given.frames, poses=given.poses)
    if given.json:
        print(json.dumps(result))
    else:
        show(result)


if __name__ == "__main__":
    main()
