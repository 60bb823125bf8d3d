"""The role that links tracks over cameras: reads poses, writes `person` events.

It keeps nothing: what was linked is in the events streams, and a link needs seconds of poses, which
the poses streams hold. So one that starts again reads a little back and goes on.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from ghostpose.bus import Bus
from ghostpose.bus.backoff import Backoff
from ghostpose.bus.heartbeats import Heartbeats, worker_name
from ghostpose.client import Cursor, PoseReader, PoseRecord, foot_of
from ghostpose.codec.poses import encode_event
from ghostpose.errors import BusError, BusUnavailableError
from ghostpose.ground import Ground
from ghostpose.metrics import turned
from ghostpose.rules import Rules
from ghostpose.server import translated
from ghostpose.types import EventMessage
from postprocess.linking.known import Link, Sight
from postprocess.linking.linker import Linker
from postprocess.linking.trails import Seen, TrackName

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping

    from ghostpose.client import EventRecord, Record
    from ghostpose.types import PoseMessage

ROLE: Final = "link"

BLOCK_S: Final = 0.25
"""How long one wait for poses takes at most; also how late a stop is noticed."""

GROUNDS_EVERY_S: Final = 3.0
"""How soon a camera's floor that was given, changed or taken away counts."""

POSES_BACK_S: Final = 30.0
EVENTS_BACK_S: Final = 86_400.0
"""How far back one that starts reads: what is being compared, and who was linked before."""

DRAIN_S: Final = 2.0
"""How long one that is to stop still links what the streams hold."""

_log = logging.getLogger("postprocess.LinkWorker")


def run_link(
    bus_url: str,
    stop: threading.Event,
    *,
    worker: str | None = None,
    partitions: int | None = None,
) -> int:
    """Link until `stop`, and then what the streams hold; return how many links were told.

    `partitions` is used only if this creates the deployment (None: the default).

    Raises:
        BusUnavailableError: no server answers at `bus_url` now. Later outages are waited for.
    """
    with Bus.connect(bus_url, partitions=partitions) as bus:
        return LinkWorker(bus, worker or worker_name(ROLE), stop).run()


class LinkWorker:
    """See `run_link`."""

    def __init__(self, bus: Bus, name: str, stop: threading.Event) -> None:
        self._bus, self._name, self._stop = bus, name, stop
        self._linker = Linker()
        self._grounds: dict[str, Ground] = {}
        self._rules: dict[str, bytes] = {}
        self._cursor = dict[str, Cursor]()
        self._looked_at_s = -GROUNDS_EVERY_S
        self._reader: PoseReader | None = None
        self._followed: frozenset[str] = frozenset()
        self._untold: deque[EventMessage] = deque()
        self._backoff = Backoff()
        self._links = 0

    def run(self) -> int:
        """Work until stopped, then on what is there by then."""
        with Heartbeats(self._bus, ROLE, self._name, self._load):
            while not self._stop.is_set():
                turned(ROLE)
                self._turn(BLOCK_S)
            deadline_s = time.monotonic() + DRAIN_S
            while self._turn(0) and time.monotonic() < deadline_s:
                pass
        return self._links

    def _load(self) -> dict[str, float]:
        return {"links": float(self._links), "cameras": float(len(self._grounds))}

    def _turn(self, block_s: float) -> bool:
        """Read and link once; return whether anything came."""
        try:
            self._tell()
            self._look_for_floors()
            if self._reader is None:
                self._stop.wait(block_s)
                return False
            records = self._reader.read(block_s)
            self._cursor = self._reader.cursor
            for record in records:
                self._take(record)
            self._tell()  # when all are taken: the reader gives none of them again
        except (BusUnavailableError, BusError) as error:
            if self._backoff.failures == 0:
                _log.warning("waits for the server: %s", error)
            self._stop.wait(self._backoff.next_s())
            return False
        self._backoff.failures = 0
        return bool(records)

    def _look_for_floors(self) -> None:
        """Read which cameras have a floor, and read the poses of those, if there are two."""
        if time.monotonic() - self._looked_at_s < GROUNDS_EVERY_S:
            return
        self._looked_at_s = time.monotonic()
        for name in self._bus.cameras():
            self._read_floor(name)
        wanted = frozenset(self._grounds) if len(self._grounds) > 1 else frozenset()
        if wanted != self._followed:
            self._reader = self._new_reader() if wanted else None
            self._followed = wanted

    def _read_floor(self, camera: str) -> None:
        with translated(self._bus.address):
            json: Any = self._bus.client.hget(self._bus.keys.camera(camera), "rules") or b""
        if json == self._rules.get(camera, b""):
            return
        self._rules[camera] = json
        self._grounds.pop(camera, None)
        try:
            pairs = Rules.model_validate_json(json).ground if json else ()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]["msg"]
            _log.error("camera %s: is not linked: its rules say: %s", camera, first)
            return
        if pairs:
            self._grounds[camera] = Ground.of(pairs)

    def _new_reader(self) -> PoseReader:
        now_ms = self._bus.server_time_ms()
        poses, events = (f"{now_ms - round(s * 1000)}-0" for s in (POSES_BACK_S, EVENTS_BACK_S))
        cursor = {name: self._cursor.get(name, Cursor(poses, events)) for name in self._grounds}
        return PoseReader(self._bus.client, self._grounds, cursor=cursor)

    def _take(self, record: Record) -> None:
        if not isinstance(record, PoseRecord):
            self._learn(record)
        elif record.camera in self._grounds:
            for link in links_in(self._linker, record.message, self._grounds[record.camera]):
                self._untold += events_of(link)
                self._links += 1

    def _learn(self, record: EventRecord) -> None:
        if record.message.kind == "person":
            told = linked_by(record.message)
            if told is not None:
                self._linker.learn(*told)

    def _tell(self) -> None:
        """Write links to the events streams; those that the server doesn't take now, next time."""
        while self._untold:
            event = self._untold[0]
            key = self._bus.keys.events(event.camera)
            with translated(self._bus.address):
                self._bus.client.xadd(key, {"d": encode_event(event)}, nomkstream=True)
            self._untold.popleft()


def sights_of(pose: PoseMessage, ground: Ground) -> Iterator[Sight]:
    """Yield where on the floor the tracked people of a frame are, as far as that can be told."""
    for person in pose.people:
        foot = foot_of(person)
        place = ground.place(foot)
        if person.track is not None and place is not None:
            seen = Seen(pose.seq, pose.captured_at, pose.media_time, foot)
            yield Sight(TrackName(pose.camera, pose.session, person.track), place, seen)


def links_in(linker: Linker, pose: PoseMessage, ground: Ground) -> Iterator[Link]:
    """Show a linker a frame, and yield what it links then."""
    for sight in sights_of(pose, ground):
        yield from linker.see(sight)
    yield from linker.reach(pose.camera, pose.session, pose.captured_at)


def events_of(link: Link) -> Iterator[EventMessage]:
    """Yield a link as events, one for each of its cameras."""
    for (name, first, last), (other, _, _) in (link.ends, link.ends[::-1]):
        details: Mapping[str, object] = {
            "track": name.track,
            "person": link.person,
            "certainty": "probable",
            "score": round(link.score, 3),
            "together_s": round(link.together_s, 3),
            **({} if link.gap_s is None else {"gap_s": round(link.gap_s, 3)}),
            "other": {"camera": other.camera, "session": other.session, "track": other.track},
            "captured_at": round(last.captured_at, 6),
            "media_time": round(last.media_time, 6),
            "seqs": [first.seq, last.seq],
            "foot": [round(value, 2) for value in last.foot],
        }
        yield EventMessage("person", name.camera, name.session, last.seq, details)


def linked_by(event: EventMessage) -> tuple[TrackName, TrackName, str] | None:
    """Return the two tracks that a `person` event links, and the person; None: it is damaged."""
    track, person = event.details.get("track"), event.details.get("person")
    other = event.details.get("other")
    if not (isinstance(track, str) and isinstance(person, str) and isinstance(other, dict)):
        return None
    theirs = other.get("camera"), other.get("session"), other.get("track")
    camera, session, name = theirs
    if not (isinstance(camera, str) and type(session) is int and isinstance(name, str)):
        return None
    return (
        TrackName(event.camera, event.session, track), TrackName(camera, session, name), person,
    )  # fmt: skip
