"""What a frame costs on the bus: bytes, microseconds a hop, for maps that the network gave."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from benchmarks.bus_walk import Walk
from benchmarks.clips import CLIP
from benchmarks.pictures import decoding_ms
from benchmarks.recorded import Recorded, record_maps
from benchmarks.timing import in_turns, shown, spread
from ghostpose.bus import Bus, EmbeddedServer, Heartbeat
from ghostpose.codec.images import decode_picture, encode_picture
from ghostpose.codec.maps import decode_maps, encode_maps
from ghostpose.codec.poses import encode_pose
from ghostpose.types import Placement, PoseMessage
from postprocess.grouping import GroupingOptions, group, to_people
from postprocess.tracking import Tracker

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.types import MapsCodec

HEIGHT_PX = 368
FRAMES, FRAMES_FULL = 200, 2000
CODECS: tuple[MapsCodec, ...] = ("compact", "float16")
BEATS = 2000


def measure(*, full: bool) -> dict[str, Any]:
    """Return bytes a frame, ms of each codec, and microseconds of each hop."""
    recorded = record_maps(CLIP, HEIGHT_PX)
    frames = FRAMES_FULL if full else FRAMES
    return {
        "bytes": _sizes(recorded) | _result_sizes(recorded),
        "decoding_ms": spread(decoding_ms(CLIP, 1) for _ in range(5)),
        "codec_ms": _codecs(recorded),
        **_hops(recorded, frames),
    }


def _sizes(recorded: Recorded) -> dict[str, float]:
    """Return the mean bytes of a frame's picture and maps, each way that they may travel."""
    sizes = {
        f"maps, {codec}": [len(encode_maps(maps, codec)) for maps in recorded.maps]
        for codec in CODECS
    }
    sizes["maps, float32"] = [m.pcm_chw.nbytes + m.paf_chw.nbytes for m in recorded.maps]
    sizes["picture, jpeg"] = [len(encode_picture(p).data) for p in recorded.pictures]
    sizes["picture, raw"] = [p.nbytes for p in recorded.pictures]
    return {name: statistics.mean(found) for name, found in sizes.items()}


def _result_sizes(recorded: Recorded) -> dict[str, float]:
    """Return the mean bytes of pose messages and of the tracker's state after them."""
    tracker, poses, states = Tracker("bench"), [], []
    for number, (picture, maps) in enumerate(zip(recorded.pictures, recorded.maps, strict=True)):
        height, width = picture.shape[:2]
        found = to_people(group(maps, GroupingOptions()), Placement(1.0, 1.0), width, height)
        people = tracker.update(found, number / 10, (width, height))
        pose = PoseMessage("bench", 10**12, number, 1e9, number / 10, width, height, people)
        poses.append(len(encode_pose(pose)))
        states.append(len(tracker.state()))
    return {"pose message": statistics.mean(poses), "tracker state": statistics.mean(states)}


def _codecs(recorded: Recorded) -> dict[str, dict[str, float]]:
    maps, picture = recorded.maps[0], recorded.pictures[0]
    jpeg = encode_picture(picture)
    calls: dict[str, Callable[[], object]] = {
        "picture to jpeg": lambda: encode_picture(picture),
        "jpeg to picture": lambda: decode_picture(jpeg),
    }
    for codec in CODECS:
        data = encode_maps(maps, codec)
        calls[f"maps to {codec}"] = lambda codec=codec: encode_maps(maps, codec)  # type: ignore[misc]
        calls[f"{codec} to maps"] = lambda data=data: decode_maps(data)  # type: ignore[misc]
    return in_turns(calls, seconds=2.0)


def _hops(recorded: Recorded, frames: int) -> dict[str, Any]:
    with EmbeddedServer() as server, Bus.connect(server.url) as bus:
        took = Walk(bus, recorded).walk(frames)
        beat_ms = _server_beat_ms(bus)
    return {"hop_us": {name: spread(us) for name, us in took.items()}, "server_beat_ms": beat_ms}


def _server_beat_ms(bus: Bus) -> float:
    """Return the server's processor time for one heartbeat and the state of its camera."""
    beat = Heartbeat("bench", "ingest", "0", "host", 1, dict.fromkeys("abcdefghij", 1.0))
    before_s = _server_cpu_s(bus)
    for _ in range(BEATS):
        bus.heartbeat(beat)
        bus.client.hset("bench:state", "bench", bytes(400))
    return 1000 * (_server_cpu_s(bus) - before_s) / BEATS


def _server_cpu_s(bus: Bus) -> float:
    info: Any = bus.client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def lines(result: dict[str, Any]) -> list[str]:
    """Return the result as tables."""
    rows = ["| what | kB a frame |", "|-|-|"]
    rows += [f"| {name} | {size / 1000:.1f} |" for name, size in result["bytes"].items()]
    rows += ["", "| codec | ms |", "|-|-|"]
    rows += [f"| {name} | {shown(ms, 2)} |" for name, ms in result["codec_ms"].items()]
    rows += ["", "| hop, over a unix socket | microseconds |", "|-|-|"]
    rows += [f"| {name} | {shown(us, 0)} |" for name, us in result["hop_us"].items()]
    return rows
