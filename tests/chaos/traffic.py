"""Frames of every kind, good and bad, one after another; and the ledger of what became of them."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Self

import samples
from waiting import PATIENT_S

from ghostpose.bus import Bus, FramePublisher, Full
from ghostpose.types import EncodedPicture

if TYPE_CHECKING:
    from ghostpose.types import FrameInfo

CAMERA = "lobby"
TRACKS = {f"{CAMERA}-{number}" for number in (1, 2, 3)}
"""The stub engine sees the same three people in every picture."""

SPOIL = """
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not last then return 0 end
redis.call('XDEL', KEYS[1], last[1])
for f = 1, #last[2], 2 do
  if last[2][f] == ARGV[1] then last[2][f + 1] = '?' end
end
redis.call('XADD', KEYS[1], '*', unpack(last[2]))
return 1
"""
"""Replace the newest entry of a stream by one with a spoiled field."""


class Traffic:
    """Publishes until the block ends, then ends the session."""

    def __init__(self, url: str) -> None:
        self.bus = Bus.connect(url, partitions=2, timeout_s=PATIENT_S)
        self.bus.register_camera(CAMERA, policy="every", credit=8)
        self._publisher = FramePublisher(self.bus, CAMERA)
        self._done = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._publisher.open_session()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.bus.close()
        assert self._failure is None, self._failure

    def stop(self) -> None:
        self._done.set()
        self._thread.join()
        self._publisher.end(frames_read=self._publisher.next_seq, skipped={})

    def _run(self) -> None:
        try:
            number = 0
            while not self._done.wait(0.01):
                number += self._publish(number)
        except BaseException as failure:
            self._failure = failure

    def _publish(self, number: int) -> bool:
        info, picture = samples.info(0.1 * (number + 1)), samples.picture(128, 64)
        if number % 11 == 3:
            picture = EncodedPicture("jpeg", 128, 64, b"\xff\xd8 no picture")
        if number % 11 == 6:
            info = _stale(0.1 * (number + 1))
        answer = self._publisher.publish(info, picture)
        if isinstance(answer, Full):
            self._publisher.wait_for_credit(answer, 0.2)
            return False
        partition = self.bus.keys.partition_of(CAMERA)
        if number % 11 == 8:
            self._spoil(self.bus.keys.frames(partition), "t")
        if number % 11 in (0, 9):
            self._spoil(self.bus.keys.maps(partition), "p" if number % 2 else "t")
        return True

    def _spoil(self, stream: str, field: str) -> None:
        self.bus.client.eval(SPOIL, 1, stream, field)

    def is_settled(self) -> bool:
        """Whether each frame has its outcome, and nothing is left of any.

        An entry spoilt on its way has its outcome at once, and stays until its worker is given up.
        """
        counters, keys = self.bus.counters(CAMERA), self.bus.keys
        partition = keys.partition_of(CAMERA)
        left = sum(map(self.bus.client.xlen, (keys.frames(partition), keys.maps(partition))))
        return counters.sessions_ended == 1 and counters.in_flight == left == 0

    def assert_ledger_balances(self) -> None:
        """Each frame has one outcome, in order, and people keep their tracks through it all."""
        keys, client = self.bus.keys, self.bus.client
        poses = [samples.message_of(e) for e in client.xrange(keys.poses(CAMERA))]
        events = [samples.message_of(e) for e in client.xrange(keys.events(CAMERA))]
        gaps = [event for event in events if event["kind"] == "gap"]
        assert poses
        for messages in (poses, gaps):
            seqs = [message["seq"] for message in messages]
            assert seqs == sorted(set(seqs))
        outcomes = Counter((m["session"], m["seq"]) for m in poses + gaps)
        session, published = self._publisher.session, self._publisher.next_seq
        assert outcomes == Counter((session, seq) for seq in range(published))
        assert {p["track"] for pose in poses for p in pose["people"]} == TRACKS
        counters = self.bus.counters(CAMERA)
        assert (counters.published, counters.poses, counters.gaps) == (
            published,
            len(poses),
            len(gaps),
        )


def _stale(media_time: float) -> FrameInfo:
    return samples.info(media_time, captured_at=1.0, max_age_ms=1.0)
