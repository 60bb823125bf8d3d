"""What a picture costs on its way from ingest to inference: resizing, coding, moving.

Answers two questions with figures of this machine: which way of resizing a decoded frame is
cheapest and as good; whether JPEG or raw pictures should travel on one machine and over a network.
The full benchmark also says what JPEG costs in poses (the shipped network on raw and on JPEG
pictures). Each figure is the median over frames of the best of five attempts, in one thread: on a
machine that does other things too, the best says most.
"""

from __future__ import annotations

import socket
import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import av
import cv2
import redis

from benchmarks.clips import CLIP
from benchmarks.jpeg_poses import pose_agreement
from ghostpose.bus import EmbeddedServer
from ghostpose.codec.images import decode_picture, encode_picture
from ingest.prepare import fit_height, resize
from ingest.sources.scaling import Scaler
from ingest.sources.video_picture import VideoPicture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ghostpose.types import ByteArray, EncodedPicture, PictureCodec

HEIGHT_PX = 368
FRAMES, FRAMES_FULL = 16, 40
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
    scaler = Scaler()
    pictures = [VideoPicture(frame, 0.0, 0, scaler) for frame in frames]

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


def measure(*, full: bool) -> dict[str, Any]:
    """Return what decoding, resizing and each way of coding cost on this machine."""
    cv2.setNumThreads(1)
    frames = read_frames(CLIP, FRAMES_FULL if full else FRAMES)
    width, _ = fit_height(frames[0].width, frames[0].height, HEIGHT_PX)
    scaler = Scaler()
    images = [VideoPicture(f, 0.0, 0, scaler).pixels(width, HEIGHT_PX) for f in frames]
    port = free_port()
    with (
        EmbeddedServer(port=port) as server,
        redis.Redis.from_url(server.url) as unix,
        redis.Redis(port=port) as tcp,
    ):
        rows = coding(images, (unix, tcp))
    return {
        "clip": f"{CLIP.name}, {frames[0].width}x{frames[0].height} to {width}x{HEIGHT_PX}",
        "decode_ms": {str(threads): decoding_ms(CLIP, threads) for threads in (1, 2)},
        "resize": resizing(frames, HEIGHT_PX),
        "coding": [asdict(row) | totals(row) for row in rows],
        "poses": pose_agreement(images) if full else [],
    }


def totals(row: CodecRow) -> dict[str, float]:
    networks = {f"network_{mbit}_mbit_ms": row.network_ms(mbit) for mbit in NETWORKS_MBIT}
    return {"one_machine_ms": row.one_machine_ms, **networks}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as tables."""
    decode, resize_ms = result["decode_ms"], result["resize"]
    rows = [
        f"{result['clip']}: decoding {decode['1']:.2f} ms in one thread, {decode['2']:.2f} in two;"
        f" resizing by FFmpeg {resize_ms['ffmpeg']['ms']:.2f} ms, by OpenCV"
        f" {resize_ms['opencv']['ms']:.2f} (alike to"
        f" {resize_ms['ffmpeg']['psnr_against_opencv_db']:.0f} dB).",
        "",
        "| coded as | kB | core-ms, coded, moved and decoded | ms on one machine | over 100 Mbit/s"
        " | over 1 Gbit/s |",
        "|-|-|-|-|-|-|",
    ]
    rows += [
        f"| {one['name']} | {one['kilobytes']:.1f} | {one['cpu_ms']:.2f}"
        f" | {one['one_machine_ms']:.2f} | {one['network_100_mbit_ms']:.1f}"
        f" | {one['network_1000_mbit_ms']:.1f} |"
        for one in result["coding"]
    ]
    rows += [
        f"\n{one['name']}: {one['people_jpeg']} people of {one['people_raw']} on raw pictures,"
        f" {one['keypoints_within_1_px']:.1%} of key points within a pixel."
        for one in result["poses"]
    ]
    return rows
