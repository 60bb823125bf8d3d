"""What a frame costs on the bus: bytes, microseconds a hop, for maps that the network gave.

And what it costs a busy store: `STORE_CAMERAS` cameras have two frames each for every transaction,
few, so that each transaction pays for all its streams.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import replace
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
from postprocess.store import Batch, open_database, write_batch
from postprocess.store.group_reader import GroupReader
from postprocess.tracking import Tracker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ghostpose.types import MapsCodec

HEIGHT_PX = 368
FRAMES, FRAMES_FULL = 200, 2000
CODECS: tuple[MapsCodec, ...] = ("compact", "float16")
BEATS = 2000
STORE_CAMERAS, STORE_FRAMES, STORE_TURNS = 200, 2, 9


def measure(*, full: bool) -> dict[str, Any]:
    """Return bytes a frame, ms of each codec, and microseconds of each hop."""
    recorded = record_maps(CLIP, HEIGHT_PX)
    frames = FRAMES_FULL if full else FRAMES
    poses, states = _results(recorded)
    return {
        "bytes": _sizes(recorded) | _result_sizes(poses, states),
        "decoding_ms": spread(decoding_ms(CLIP, 1) for _ in range(5)),
        "codec_ms": _codecs(recorded),
        **_hops(recorded, frames),
        "store_core_ms": spread(_store_core_ms(poses)),
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


def _results(recorded: Recorded) -> tuple[list[PoseMessage], list[bytes]]:
    """Return the pose messages of the recorded frames, and the tracker's state after each."""
    tracker, poses, states = Tracker("bench"), [], []
    for number, (picture, maps) in enumerate(zip(recorded.pictures, recorded.maps, strict=True)):
        height, width = picture.shape[:2]
        found = to_people(group(maps, GroupingOptions()), Placement(1.0, 1.0), width, height)
        people = tracker.update(found, number / 10, (width, height))
        pose = PoseMessage("bench", 10**12, number, 1e9, number / 10, width, height, people)
        poses.append(pose)
        states.append(tracker.state())
    return poses, states


def _result_sizes(poses: Iterable[PoseMessage], states: Iterable[bytes]) -> dict[str, float]:
    """Return the mean bytes of pose messages and of tracker states."""
    return {
        "pose message": statistics.mean(len(encode_pose(pose)) for pose in poses),
        "tracker state": statistics.mean(map(len, states)),
    }


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


def _store_core_ms(poses: Sequence[PoseMessage]) -> list[float]:
    """Return, of each turn of a busy store, its process's time for a frame."""
    cameras = [f"bench{number}" for number in range(STORE_CAMERAS)]
    with (
        EmbeddedServer() as server,
        Bus.connect(server.url) as bus,
        tempfile.TemporaryDirectory() as folder,
    ):
        for camera in cameras:
            bus.register_camera(camera, policy="every", credit=4)
        engine = open_database(f"sqlite:///{folder}/poses.sqlite")
        reader = GroupReader(bus, "bench")
        took_ms = []
        for first in range(0, STORE_TURNS * STORE_FRAMES, STORE_FRAMES):
            for camera in cameras:
                for seq in range(first, first + STORE_FRAMES):
                    pose = encode_pose(_as_of(camera, seq, poses[seq % len(poses)]))
                    bus.client.xadd(bus.keys.poses(camera), {"d": pose})
            begun_s = time.process_time()
            deliveries = reader.take(STORE_FRAMES)
            with engine.begin() as connection:
                write_batch(connection, Batch([d.message for d in deliveries], []))
            reader.acknowledge(deliveries)
            took_ms.append(1000 * (time.process_time() - begun_s) / len(deliveries))
        engine.dispose()
    return took_ms


def _as_of(camera: str, seq: int, pose: PoseMessage) -> PoseMessage:
    """Return a message as another camera's, whose tracks bear its name."""
    people = tuple(
        replace(person, track=person.track.replace(pose.camera, camera, 1))
        for person in pose.people
    )
    return replace(pose, camera=camera, seq=seq, people=people)


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
    took = shown(result["store_core_ms"], 2)
    return [*rows, "", f"A busy store takes {took} core-ms a frame, of {STORE_CAMERAS} cameras."]
