"""Say who falls, on all cameras whose `postures` hold `fall` (docs/events.md), with asyncio.

python examples/fall_detector.py redis://127.0.0.1:6379/0

People fall in ways that this does not see: it is no safety device.
"""

import asyncio
import sys
from datetime import UTC, datetime

from ghostpose.client import AsyncPoseReader, EventRecord


async def main(url: str) -> None:
    """Raise an alarm a fall until Ctrl-C."""
    async with AsyncPoseReader(url, start="now") as reader:
        async for record in reader:
            if isinstance(record, EventRecord) and record.message.kind == "fall":
                await alarm(record)


async def alarm(fall: EventRecord) -> None:
    """Print it; whoever is to be told by network is told here, while others are read."""
    when = datetime.fromtimestamp(fall.captured_at, UTC)
    print(f"{when:%H:%M:%S} {fall.camera}: {fall.track} lies at {fall.foot}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
