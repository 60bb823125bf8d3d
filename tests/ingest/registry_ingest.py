"""Programs that play the registry's cameras, for tests: started, killed and stopped for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from ghostpose.bus import Registry
from ghostpose.bus.camera_leases import read_camera_leases
from ghostpose.config import CameraConfig

if TYPE_CHECKING:
    from ingest_fakes import Consumer

    from ghostpose.bus import Bus

ENDLESS = "pattern:width=64&height=48&fps=10"

PROGRAM = """
import sys
from app.stopping import stop_event
from ingest.registry_supervisor import run_registry_ingest

if __name__ == "__main__":
    run_registry_ingest(sys.argv[1], stop_event())
"""


class Ingest:
    """A program that plays its share of the registry, in a process group of its own."""

    def __init__(self, script: str, url: str) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self.process = subprocess.Popen(
            [sys.executable, script, url], env=environment, start_new_session=True
        )

    def kill_all(self) -> None:
        """As if the machine lost its power: the supervisor and all its children at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def add(bus: Bus, name: str, **settings: Any) -> int:
    camera = CameraConfig(name=name, **{"source": ENDLESS, "height": 64, **settings})
    return Registry(bus).add(camera)


def change(bus: Bus, name: str, **settings: Any) -> None:
    row = Registry(bus).get(name)
    Registry(bus).change(row.settings.model_copy(update=settings), row.revision)


def holders(bus: Bus) -> dict[str, str]:
    now_ms = bus.server_time_ms()
    leases = read_camera_leases(bus).items()
    return {name: lease.owner for name, lease in leases if lease.until_ms > now_ms}


def sessions(consumer: Consumer, name: str) -> list[int]:
    return sorted({f.id.session for f in consumer.frames if f.id.camera == name})


def wait_for_frames(consumer: Consumer, *names: str, limit_s: float = 60.0) -> None:
    """Wait until three more frames of each have come."""
    seen = len(consumer.frames)

    def all_have() -> bool:
        new = [frame.id.camera for frame in consumer.frames[seen:]]
        return all(new.count(name) >= 3 for name in names)

    consumer.wait_for(all_have, f"three frames of each of {names}", limit_s)
