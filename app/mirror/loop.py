"""The mirror: reads streams as any consumer does, and tells a broker. One way only.

Nothing of the pipeline waits for it: it is in no consumer group, and what a slow or missing broker
doesn't take is dropped and counted.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from app.mirror.broker import Broker
from app.mirror.messages import Outgoing, Topics
from ghostpose.bus import Bus
from ghostpose.bus.backoff import Backoff
from ghostpose.bus.camera_states import read_camera_states
from ghostpose.bus.heartbeats import Heartbeats, worker_name
from ghostpose.client import PoseReader, PoseRecord
from ghostpose.errors import BusError, BusUnavailableError
from ghostpose.metrics import turned

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from app.mirror.address import BrokerAddress
    from ghostpose.client import Record
    from ghostpose.config import MirrorConfig

BLOCK_S: Final = 0.2
"""How long one read waits; also how soon a new connection and a stop are noticed."""

STATES_EVERY_S: Final = 2.0
"""How often cameras' states are looked at: their processes say them as often."""

PEOPLE_EVERY_MS: Final = 1000
"""How many people a camera sees is told once a second at most."""

DRAIN_S: Final = 2.0
"""How long a mirror that is to stop still tells what the streams hold."""

_log = logging.getLogger(f"{__name__}.Mirror")


@dataclass(slots=True)
class Pace:
    """Lets something pass at most once in `interval_ms` for each camera, by the server's clock."""

    interval_ms: float
    _last_ms: dict[str, int] = field(default_factory=dict)

    def allows(self, camera: str, at_ms: int) -> bool:
        """Return whether it may pass now."""
        last_ms = self._last_ms.get(camera)
        if last_ms is not None and 0 <= at_ms - last_ms < self.interval_ms:
            return False
        self._last_ms[camera] = at_ms
        return True


def run_mirror(
    bus_url: str, address: BrokerAddress, config: MirrorConfig, stop: threading.Event
) -> None:
    """Tell the broker what cameras do and whom they see, until `stop`.

    Raises:
        BusUnavailableError: no server answers at `bus_url` now. Later outages are waited for, as is
            the broker in any case.
    """
    topics = Topics(config.topic)
    with (
        Bus.connect(bus_url) as bus,
        PoseReader(bus.client, config.cameras or None) as reader,
        Broker(address, topics.status) as broker,
        Heartbeats(bus, "mirror", worker_name("mirror"), broker.load),
    ):
        Mirror(bus, reader, broker, topics, config, stop).run()


class Mirror:
    """One mirror. See `run_mirror`."""

    def __init__(
        self,
        bus: Bus,
        reader: PoseReader,
        broker: Broker,
        topics: Topics,
        config: MirrorConfig,
        stop: threading.Event,
    ) -> None:
        self._bus, self._reader, self._broker, self._topics = bus, reader, broker, topics
        self._config, self._stop = config, stop
        self._poses = Pace(1000 / config.rate if config.rate else 0)
        self._people = Pace(PEOPLE_EVERY_MS)
        self._known: set[str] = set()
        self._states_due_s = 0.0
        self._backoff = Backoff()

    def run(self) -> None:
        """Mirror until stopped, then what the streams still hold."""
        while not self._stop.is_set():
            turned("mirror")
            self._turn(BLOCK_S)
        deadline_s = time.monotonic() + DRAIN_S
        while self._turn(0) and time.monotonic() < deadline_s:
            pass

    def _turn(self, block_s: float) -> int:
        """Read and tell once; return how many records there were."""
        self._broker.tend()
        try:
            records = self._reader.read(block_s)
            # At once: the reader has gone on, and gives what is lost here never again.
            self._broker.send(*self._outgoing(records))
            if time.monotonic() >= self._states_due_s:
                self._states_due_s = time.monotonic() + STATES_EVERY_S
                self._tell_states()
        except (BusUnavailableError, BusError) as error:
            if self._backoff.failures == 0:
                _log.warning("waits for the server: %s", error)
            self._stop.wait(self._backoff.next_s())
            return 0
        self._backoff.failures = 0
        return len(records)

    def _outgoing(self, records: Sequence[Record]) -> list[Outgoing]:
        messages = []
        for record in records:
            if not isinstance(record, PoseRecord):
                messages.append(self._topics.message(record, "events"))
                continue
            if self._poses.allows(record.camera, record.committed_ms):
                messages.append(self._topics.message(record, "poses"))
            if self._people.allows(record.camera, record.committed_ms):
                messages.append(self._topics.people(record.camera, len(record.message.people)))
        return messages

    def _tell_states(self) -> None:
        """Tell what cameras do where that has changed, and forget those that are no more."""
        now_s = self._bus.server_time_ms() / 1000
        wanted = frozenset(self._config.cameras)
        states = {
            name: state
            for name, state in read_camera_states(self._bus).items()
            if not wanted or name in wanted
        }
        for name, state in states.items():
            if self._config.discovery and name not in self._known:
                self._broker.send(*self._topics.discovery(name, self._config.discovery))
            self._broker.send(self._topics.state(state, now_s))
            if state.status != "playing" or state.is_gone(now_s):
                self._broker.send(self._topics.people(name, None))
        for name in self._known - states.keys():
            self._broker.send(*self._topics.forgotten(name, self._config.discovery))
        self._known = set(states)
