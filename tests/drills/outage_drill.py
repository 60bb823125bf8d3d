"""One RTSP camera whose server is away for 20 s, again and again: how soon do poses come back?

    make drill-outage
    PYTHONPATH=.:tests python tests/drills/outage_drill.py --outages 2 --away-s 20

Ends with 1 if poses did not resume within 10 s of the server's return. Half of the outages are a
server that is killed, half one that hangs with its connections open.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from camera_servers import NO_RTSP, RtspServer, gstreamer_works, wait_for
from deployment import Deployment, run_drill

LIMIT_S = 10.0


def resumed_s(deployment: Deployment, server: RtspServer, away_s: float, *, hangs: bool) -> float:
    """Take the server away for so long; return how long poses took after its return."""
    if hangs:
        server.pause()
        time.sleep(away_s)
        server.go_on()
    else:
        server.kill()
        time.sleep(away_s)
        server.start()
    back = time.time()
    return wait_for(
        lambda: deployment.records[-1].message.captured_at > back, "the return of poses", 60
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outages", type=int, default=5)
    parser.add_argument("--away-s", type=float, default=20)
    args = parser.parse_args()
    if not gstreamer_works():
        sys.exit(NO_RTSP)
    took_s = []
    with tempfile.TemporaryDirectory() as folder, RtspServer({"/live": {}}) as server:
        with Deployment({"gate": server.url("/live")}, Path(folder)) as deployment:
            for number in range(args.outages):
                count = len(deployment.records) + 20
                wait_for(lambda count=count: len(deployment.records) >= count, "20 poses", 120)
                hangs = number % 2 == 1
                took_s.append(resumed_s(deployment, server, args.away_s, hangs=hangs))
                kind = "hung" if hangs else "was killed"
                print(f"{kind}, away for {args.away_s:g} s: poses after {took_s[-1]:.1f} s")
            sessions = {record.message.session for record in deployment.records}
        print(f"{len(sessions)} sessions, {len(deployment.records)} poses")
    return 0 if max(took_s) < LIMIT_S else 1


if __name__ == "__main__":
    run_drill(main)
