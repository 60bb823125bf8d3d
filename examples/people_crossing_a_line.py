"""Count who walks over a line, and which way; nothing has to be configured for it.

The line goes from one point of the camera's picture to another:

    python examples/people_crossing_a_line.py redis://127.0.0.1:6379/0 hall 300,700 300,420
"""

import sys
from collections import Counter

from ghostpose.client import PoseReader, PoseRecord, foot_of
from ghostpose.geometry import crossings


def main(url: str, camera: str, begin: str, end: str) -> None:
    """Print a line a crossing until Ctrl-C."""
    line = (point(begin), point(end))
    feet: dict[str, tuple[float, float]] = {}
    counts: Counter[str] = Counter()
    with PoseReader(url, [camera], start="now") as reader:
        for record in reader:
            if not isinstance(record, PoseRecord):
                continue
            for person in record.message.people:
                now = foot_of(person)
                before = feet.get(person.track, now)
                feet[person.track] = now
                if net := crossings(line, before, now):
                    way = "to the right" if net > 0 else "to the left"
                    counts[way] += 1
                    print(f"{person.track} goes {way}, number {counts[way]}", flush=True)


def point(text: str) -> tuple[float, float]:
    """Return the point that is written as `300,420`."""
    x, y = map(float, text.split(","))
    return x, y


if __name__ == "__main__":
    main(*sys.argv[1:])
