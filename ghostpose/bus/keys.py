"""Every key in Redis, in one place."""

from __future__ import annotations

import zlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a deployment of `partitions` partitions.

    A camera's partition is CRC32 of its name mod `partitions`; the tag `{gp:p}` puts all keys of a
    partition into one hash slot of a cluster.
    """

    partitions: int

    def partition_of(self, camera: str) -> int:
        """Return the partition that holds all keys of a camera."""
        return zlib.crc32(camera.encode()) % self.partitions

    def frames(self, partition: int) -> str:
        """Stream, group `inference`: encoded frames waiting for or under inference."""
        return f"{{gp:{partition}}}:frames"

    def maps(self, partition: int) -> str:
        """Stream, group `postprocess`: maps waiting for grouping."""
        return f"{{gp:{partition}}}:maps"

    def lease(self, partition: int) -> str:
        """Hash: owner, fencing token and expiry of the partition."""
        return f"{{gp:{partition}}}:lease"

    def dead(self, partition: int) -> str:
        """Stream: frames given up, with the reason."""
        return f"{{gp:{partition}}}:dead"

    def camera(self, camera: str) -> str:
        """Hash: session, tickets, policy, credit, counters of a camera."""
        return self._of(camera, "cam")

    def state(self, camera: str) -> str:
        """String: tracker state of the last commit."""
        return self._of(camera, "state")

    def poses(self, camera: str) -> str:
        """Stream: pose messages, the product."""
        return self._of(camera, "poses")

    def events(self, camera: str) -> str:
        """Stream: what happened to a camera besides poses."""
        return self._of(camera, "events")

    def preview(self, camera: str) -> str:
        """String, short life: the last small picture with its seq."""
        return self._of(camera, "preview")

    def _of(self, camera: str, kind: str) -> str:
        return f"{{gp:{self.partition_of(camera)}}}:{kind}:{camera}"
