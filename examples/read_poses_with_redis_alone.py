"""Read poses without ghostpose installed: only redis-py, so any language can do the same.

python examples/read_poses_with_redis_alone.py redis://127.0.0.1:6379/0 hall
"""

import json
import sys

import redis


def main(url: str, camera: str) -> None:
    """Print how many people each frame holds, from the oldest message the server still has."""
    server = redis.Redis.from_url(url, decode_responses=True)
    entry = server.hget("ghostpose:cameras", camera)
    if entry is None:
        sys.exit(f"no camera {camera} at {url}")
    stream, last_id = json.loads(entry)["poses"], "0-0"
    while True:
        for _, entries in server.xread({stream: last_id}, count=100, block=1000) or []:
            for entry_id, fields in entries:
                last_id = entry_id  # where the next read goes on
                message = json.loads(fields["d"])
                print(
                    camera, message["session"], message["seq"], len(message["people"]), flush=True
                )


if __name__ == "__main__":
    main(*sys.argv[1:])
