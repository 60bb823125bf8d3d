"""What somebody would write in an afternoon: the same job with plain lists, for comparison.

A process reads the clip, resizes and puts raw frames into a Redis list; another takes them out,
runs the network in eager torch and puts float32 maps into a second list; a third groups classically
and puts the people into a third. A list that is too long is waited for. No numbers, no order, no
acknowledgements: what a killed process held is gone.

    python -m benchmarks.plain_pipeline read|infer|group URL [CLIP]
"""

from __future__ import annotations

import sys
import time
from typing import Any

import msgpack
import numpy as np
import redis

FRAMES, MAPS, PEOPLE = "plain:frames", "plain:maps", "plain:people"
READ = "plain:read"
HEIGHT_PX = 368
LONGEST = 8
PAUSE_S = 0.002


def read(client: redis.Redis, clip: str) -> None:
    """Play a clip again and again."""
    import cv2

    while True:
        video = cv2.VideoCapture(clip)
        got, frame = video.read()
        while got:
            height, width = frame.shape[:2]
            small = cv2.resize(frame, (round(width * HEIGHT_PX / height), HEIGHT_PX))
            put(client, FRAMES, {"image": packed(small), "at": time.time()})
            client.incr(READ)
            got, frame = video.read()


def infer(client: redis.Redis) -> None:
    """Take frames, run the network, pass maps on."""
    from benchmarks.network_files import POSE, eager

    network = eager(POSE)
    while True:
        job = get(client, FRAMES)
        image = unpacked(job["image"], np.uint8)
        height, width = image.shape[:2]
        padded = np.full((1, -(-height // 8) * 8, -(-width // 8) * 8, 3), 128, np.uint8)
        padded[0, :height, :width] = image
        pcm_nchw, paf_nchw = network(padded)
        maps = {"pcm": packed(pcm_nchw[0]), "paf": packed(paf_nchw[0])}
        put(client, MAPS, {**maps, "at": job["at"]})


def group(client: redis.Redis) -> None:
    """Take maps, group, pass people on with when their frame was read and when they were there."""
    from benchmarks.classic_grouping import group_classically
    from ghostpose.types import Maps

    while True:
        job = get(client, MAPS)
        people = group_classically(
            Maps(unpacked(job["pcm"], np.float32), unpacked(job["paf"], np.float32))
        )
        result = {"people": len(people), "at": job["at"], "done": time.time()}
        client.rpush(PEOPLE, msgpack.packb(result))


def put(client: redis.Redis, name: str, job: dict[str, Any]) -> None:
    while client.llen(name) >= LONGEST:  # type: ignore[operator]
        time.sleep(PAUSE_S)
    client.rpush(name, msgpack.packb(job))


def get(client: redis.Redis, name: str) -> dict[str, Any]:
    _, data = client.blpop([name])  # type: ignore[misc]
    job: dict[str, Any] = msgpack.unpackb(data)
    return job


def packed(array: np.ndarray) -> dict[str, Any]:
    return {"shape": list(array.shape), "data": array.tobytes()}


def unpacked(message: dict[str, Any], dtype: type) -> np.ndarray:
    return np.frombuffer(message["data"], dtype).reshape(message["shape"])


def main() -> None:
    role, url, *more = sys.argv[1:]
    roles = {"read": read, "infer": infer, "group": group}
    with redis.Redis.from_url(url, socket_timeout=None) as client:
        roles[role](client, *more)  # type: ignore[operator]


if __name__ == "__main__":
    main()
