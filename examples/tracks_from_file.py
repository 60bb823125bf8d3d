"""How long each person was in view, from the poses.jsonl of `ghostpose run --output DIR`.

python examples/tracks_from_file.py poses/poses.jsonl
"""

import json
import sys
from pathlib import Path


def main(path: str) -> None:
    """Print each track's first and last second in the recording."""
    seen: dict[str, list[float]] = {}
    with Path(path).open(encoding="utf-8") as lines:
        for line in lines:
            message = json.loads(line)
            for person in message["people"]:
                seen.setdefault(person["track"], []).append(message["media_time"])
    for track, times in seen.items():
        print(f"{track}: {min(times):.1f} s to {max(times):.1f} s, {len(times)} frames")


if __name__ == "__main__":
    main(sys.argv[1])
