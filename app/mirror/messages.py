"""What an MQTT broker is told: topics and payloads, as data.

PREFIX/status               `online` or `offline`: this mirror itself; retained
PREFIX/CAMERA/state         JSON, what the camera does (ghostpose.codec.camera_state); retained
PREFIX/CAMERA/people        how many people its newest pose message has, a plain number; retained
                            while the camera plays
PREFIX/CAMERA/poses         JSON, a pose message as the poses stream has it
PREFIX/CAMERA/events        JSON, an event as the events stream has it

Retained ones are given to whoever subscribes later. An empty retained payload removes a topic.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ghostpose.client import EventRecord, PoseRecord
    from ghostpose.codec.camera_state import CameraState

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"

STATUS_WHEN_GONE: Final = "gone"
"""Status of a camera whose process has fallen silent."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to the broker. `retained`: the newest one of its topic is what counts.

    `last`: it removes a retained topic for good, and need not be told again after that.
    `important` ones wait for a broker that is away, as far as there is room; of the others only
    those are worth anything that arrive at once.
    """

    topic: str
    payload: bytes
    retained: bool = False
    important: bool = False
    last: bool = False


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics below one prefix."""

    prefix: str

    @property
    def status(self) -> str:
        """Topic that tells whether the mirror itself lives."""
        return f"{self.prefix}/status"

    def of(self, camera: str, what: str) -> str:
        """Return a topic of a camera."""
        return f"{self.prefix}/{camera}/{what}"

    def message(self, record: PoseRecord | EventRecord, what: str) -> Outgoing:
        """Return a record of a stream as it came; events are important."""
        return Outgoing(self.of(record.camera, what), record.json, important=what == "events")

    def people(self, camera: str, count: int | None) -> Outgoing:
        """Return how many people a camera sees; None: nobody knows now."""
        payload = b"" if count is None else str(count).encode()
        return Outgoing(self.of(camera, "people"), payload, retained=True)

    def state(self, state: CameraState, now_s: float) -> Outgoing:
        """Return what a camera does, at `now_s` by the server's clock.

        What changes with each frame is left out, so that a steady camera is told once.
        """
        told = {
            "status": STATUS_WHEN_GONE if state.is_gone(now_s) else state.status,
            "since": state.since,
            "problem": state.problem,
            "problem_at": state.problem_at,
            "session": state.session,
            "source": state.source,
            "host": state.host,
            "reconnects": state.counts.reconnects,
        }
        return Outgoing(self.of(state.camera, "state"), json.dumps(told).encode(), retained=True)

    def forgotten(self, camera: str, discovery_prefix: str | None) -> list[Outgoing]:
        """Return what removes the retained topics of a camera that is no more."""
        topics = [self.of(camera, "state"), self.of(camera, "people")]
        if discovery_prefix:
            topics += [one.topic for one in self.discovery(camera, discovery_prefix)]
        return [Outgoing(topic, b"", retained=True, last=True) for topic in topics]

    def discovery(self, camera: str, discovery_prefix: str) -> list[Outgoing]:
        """Return what makes Home Assistant show a camera by itself: people seen, and whether on."""
        node = "ghostpose_" + re.sub(r"[^A-Za-z0-9_-]", "_", camera)
        state, mirror = self.of(camera, "state"), {"topic": self.status}
        words = "{{ '%s' if value_json.status == 'playing' else '%s' }}"
        plays = {"topic": state, "value_template": words % ("online", "offline")}
        people = {
            "name": "People",
            "state_topic": self.of(camera, "people"),
            "state_class": "measurement",
            "icon": "mdi:human",
            "availability": [mirror, plays],
            "availability_mode": "all",
        }
        playing = {
            "name": "Playing",
            "state_topic": state,
            "value_template": words % ("ON", "OFF"),
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "availability": [mirror],
        }
        return [
            self._entity(f"{discovery_prefix}/sensor/{node}/people", node, camera, people),
            self._entity(f"{discovery_prefix}/binary_sensor/{node}/playing", node, camera, playing),
        ]

    def _entity(self, topic: str, node: str, camera: str, entity: Mapping[str, object]) -> Outgoing:
        common = {
            "unique_id": f"{node}_{topic.rpartition('/')[2]}",
            "device": {"identifiers": [node], "name": camera, "manufacturer": "ghostpose"},
        }
        payload = json.dumps({**entity, **common}).encode()
        return Outgoing(f"{topic}/config", payload, retained=True)
