"""The streams of the bus as one table: what they carry, who writes and reads, what bounds them.

`{p}` stands for the partition's number, `{camera}` for the camera's name. Everything of a partition
carries the hash tag `{gp:p}`, so that one Lua script may touch it on a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

META_KEY: Final = "ghostpose:meta"
"""Hash: number of partitions, protocol version, budget in bytes."""

CAMERAS_KEY: Final = "ghostpose:cameras"
"""Hash: camera -> JSON with its partition and the keys of its poses and events streams."""

CAMERA_STATES_KEY: Final = "ghostpose:camera-states"
"""Hash: camera -> what it does now as JSON, said by its process every 2 s and at each change."""

WORKERS_KEY: Final = "ghostpose:workers"
"""Hash: process -> heartbeat as JSON."""

REGISTRY_KEY: Final = "ghostpose:{registry}:cameras"
"""Hash: camera -> JSON with its revision and settings, its password hidden."""

REGISTRY_SOURCES_KEY: Final = "ghostpose:{registry}:sources"
"""Hash: camera -> its address, of cameras whose address holds a password: for ingest only."""

REGISTRY_ENDED_KEY: Final = "ghostpose:{registry}:ended"
"""Hash: camera -> revision at which it was played to its end."""

REGISTRY_REVISION_KEY: Final = "ghostpose:{registry}:revision"
"""String: number of the registry's last change; missing as long as nothing was written to it."""

REGISTRY_LEASES_KEY: Final = "ghostpose:{registry}:leases"
"""Hash: camera -> JSON of the ingest that plays it: owner, token, until, cost."""

AUDIT_KEY: Final = "ghostpose:audit"
"""Stream: what was changed by way of a dashboard, and by whom; some 10,000 entries."""

WANTED_SUFFIX: Final = ":wanted"
"""Behind a camera's preview key: the key (string, short life) by which somebody wants previews."""

INFERENCE_GROUP: Final = "inference"
POSTPROCESS_GROUP: Final = "postprocess"
STORE_GROUP: Final = "store"
"""On each stream of poses and events, beside users who read without a group."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One stream. `key` is a pattern of its Redis key, `group` its consumer group, if any."""

    name: str
    key: str
    payload: str
    producer: str
    consumer: str
    bound: str
    group: str | None = None


TOPICS: Final = (
    Topic(
        name="frames",
        key="{{gp:{p}}}:frames",
        payload="FrameMessage",
        producer="ingest",
        consumer="inference",
        bound="each camera's credit, frames and maps together",
        group=INFERENCE_GROUP,
    ),
    Topic(
        name="maps",
        key="{{gp:{p}}}:maps",
        payload="MapsMessage, GapMessage or EndMessage",
        producer="inference; ingest for the end of a session",
        consumer="postprocess",
        bound="each camera's credit, frames and maps together; one end a session",
        group=POSTPROCESS_GROUP,
    ),
    Topic(
        name="poses",
        key="{{gp:{p}}}:poses:{camera}",
        payload="PoseMessage as JSON",
        producer="postprocess",
        consumer="users, store",
        bound="POSES_KEPT messages, POSES_KEPT_BYTES and POSES_KEPT_S seconds",
    ),
    Topic(
        name="events",
        key="{{gp:{p}}}:events:{camera}",
        payload="EventMessage as JSON",
        producer="postprocess; the start of a session: ingest",
        consumer="users, store",
        bound="EVENTS_KEPT messages, EVENTS_KEPT_BYTES and EVENTS_KEPT_S seconds",
    ),
    Topic(
        name="dead",
        key="{{gp:{p}}}:dead",
        payload="the buried entry with its reason, payload up to a cap",
        producer="inference, postprocess",
        consumer="people",
        bound="DEAD_KEPT entries of at most DEAD_PAYLOAD_BYTES",
    ),
)
"""One row a stream; a test holds it against `ghostpose/bus/keys.py`."""
