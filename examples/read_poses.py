"""Follow everybody in front of all cameras: where each person's head is, as it happens.

Run it beside a pipeline that has a server others can reach:

    python examples/read_poses.py redis://127.0.0.1:6379/0
"""

import sys

from ghostpose.client import PoseReader, PoseRecord

NOSE = 0


def main(url: str) -> None:
    """Print a line a person and frame until Ctrl-C."""
    with PoseReader(url, start="now") as reader:
        for record in reader:
            if not isinstance(record, PoseRecord):
                continue  # an event: a session began or ended, a frame was skipped
            message = record.message
            for person in message.people:
                x, y, score = person.keypoints_k3[NOSE]
                where = f"({x:.0f}, {y:.0f})" if score > 0 else "unseen"
                print(f"{message.captured_at:.2f} {person.track}: nose {where}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
