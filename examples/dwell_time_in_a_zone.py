"""How long people stay in a part of the picture, told as they leave.

The zone is a polygon of three corners or more:

    python examples/dwell_time_in_a_zone.py redis://127.0.0.1:6379/0 shop 820,420 1180,420 1180,700
"""

import sys

from ghostpose.client import Area, PoseReader, PoseRecord, Where

GONE_S = 2.0  # somebody who is hidden for a moment has not left


def main(url: str, camera: str, *corners: str) -> None:
    """Print a line a visit until Ctrl-C."""
    zone = Area(tuple(point(corner) for corner in corners))
    visits: dict[str, tuple[float, float]] = {}  # track: first and last second inside
    with PoseReader(url, [camera], start="now", where=Where(area=zone)) as reader:
        for record in reader:
            if not isinstance(record, PoseRecord):
                continue
            now = record.message.captured_at
            for person in record.message.people:
                first, _ = visits.get(person.track, (now, now))
                visits[person.track] = first, now
            for track, (first, last) in list(visits.items()):
                if now - last > GONE_S:
                    del visits[track]
                    print(f"{track} stayed {last - first:.1f} s", flush=True)


def point(text: str) -> tuple[float, float]:
    """Return the point that is written as `300,420`."""
    x, y = map(float, text.split(","))
    return x, y


if __name__ == "__main__":
    main(*sys.argv[1:])
