"""One thread that reads pictures and poses of the cameras somebody looks at, for all browsers.

It asks the server in a steady beat instead of waiting on every stream: one batch a beat costs the
same for one message and for a hundred.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from app.dashboard.beats import Beats
from app.dashboard.pairing import Pairing
from app.dashboard.wire import picture_message
from ghostpose.bus.clock import ServerClock
from ghostpose.client import PoseReader, PoseRecord, PreviewReader

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from app.dashboard.outbox import Outbox
    from ghostpose.bus import Bus
    from ghostpose.client import Record

BEAT_S: Final = 0.1

IDLE_S: Final = 10.0
"""A beat while nobody looks, so that it is known to live; who begins to look wakes it."""

LOOP: Final = "dashboard.feed"
"""The name of its loop for `/healthz`."""


class Feed:
    """Reads for all browsers; `join`, `leave` and `watch` are for the event loop's thread."""

    def __init__(self, bus: Bus, loop: asyncio.AbstractEventLoop) -> None:
        self._bus, self._loop = bus, loop
        self._clock = ServerClock(bus)
        self._previews = PreviewReader(bus.client)
        self._poses: PoseReader | None = None
        self._outboxes: set[Outbox] = set()
        self._wanted: frozenset[str] = frozenset()
        self._pairings: dict[str, Pairing] = {}
        self._newest: dict[str, bytes] = {}
        self._beats = Beats(LOOP, self._timed_beat, self._forget)

    def start(self) -> None:
        """Begin to read."""
        self._beats.start()

    def stop(self) -> None:
        """Stop reading; wait for the beat in hand."""
        self._beats.join()

    def join(self, outbox: Outbox) -> None:
        """Send to this browser too."""
        self._outboxes.add(outbox)

    def leave(self, outbox: Outbox) -> None:
        """Send nothing more to this browser."""
        self._outboxes.discard(outbox)
        self._want()

    def watch(self, outbox: Outbox, cameras: frozenset[str]) -> None:
        """Give a browser the pictures of these cameras, the last ones at once."""
        fresh = cameras - outbox.watched
        outbox.watch(cameras)
        for camera in fresh & self._newest.keys():
            outbox.put_picture(camera, self._newest[camera])
        self._want()

    def tell(self, text: str) -> None:
        """Send a text to every browser; from any thread."""
        self._call(lambda: self._tell(text))

    def _tell(self, text: str) -> None:
        for outbox in self._outboxes:
            outbox.put_text(text)

    def _want(self) -> None:
        was_idle = not self._wanted
        self._wanted = frozenset().union(*(outbox.watched for outbox in self._outboxes))
        for camera in self._newest.keys() - self._wanted:
            del self._newest[camera]
        if was_idle:
            self._beats.wake()

    def _timed_beat(self) -> float:
        """Read once; return how long to wait for the next time."""
        wanted, began_s = self._wanted, time.monotonic()
        if not wanted:
            return IDLE_S
        self._beat(wanted)
        return began_s + BEAT_S - time.monotonic()

    def _forget(self, _: Exception) -> None:
        """Begin anew: what was read may be what it failed by."""
        self._poses, self._pairings = None, {}

    def _beat(self, wanted: frozenset[str]) -> None:
        """Read once, and hand over what can be shown."""
        for record in self._read_poses(wanted):
            self._take(record)
        now_s, now_ms = time.monotonic(), self._clock.now_ms()
        messages = {}
        for camera, preview in self._previews.read_many(sorted(wanted)).items():
            self._pairings[camera].add_picture(preview, now_s)
        for camera, pairing in self._pairings.items():
            if (shown := pairing.take(now_s)) is not None:
                messages[camera] = picture_message(shown, now_ms)
        if messages:
            self._call(lambda: self._deliver(messages))

    def _read_poses(self, wanted: frozenset[str]) -> list[Record]:
        """Return what is new of the wanted cameras; a camera that is wanted anew begins now."""
        reader = self._poses
        if reader is None or self._pairings.keys() != wanted:
            cursor = {} if reader is None else reader.cursor
            kept = {name: cursor[name] for name in wanted & cursor.keys()}
            reader = PoseReader(self._bus.client, wanted, cursor=kept, start="now")
            self._poses = reader
            self._pairings = {name: self._pairings.get(name, Pairing()) for name in wanted}
        return reader.read(block_s=0)

    def _take(self, record: Record) -> None:
        pairing = self._pairings[record.camera]
        if isinstance(record, PoseRecord):
            pairing.add_pose(record)
        elif record.message.kind == "gap":
            pairing.add_gap(record.message.session, record.message.seq)

    def _deliver(self, messages: dict[str, bytes]) -> None:
        for camera, message in messages.items():
            if camera not in self._wanted:
                continue
            self._newest[camera] = message
            for outbox in self._outboxes:
                outbox.put_picture(camera, message)

    def _call(self, call: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            self._beats.stop()  # the loop is closed: nobody looks any more
