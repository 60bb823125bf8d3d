"""The other sides of ingest for its tests: a consumer on a real server, a publisher that fails."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from waiting import PATIENT_S, wait_until

from ghostpose.bus import Bus, FrameReader, Full, MapsReader, PartitionLeases, Published
from ghostpose.types import EndMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ghostpose.bus import Lease, MapsDelivery
    from ghostpose.types import EncodedPicture, FrameInfo, FrameMessage


class Consumer(threading.Thread):
    """Stands for inference and post-processing: takes every frame, commits a gap in its place.

    `frames` and `ends` hold what came, in order of arrival; while `paused` is set nothing is taken.
    """

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.frames: list[FrameMessage] = []
        self.ends: list[EndMessage] = []
        self.paused = threading.Event()
        self.failure: BaseException | None = None
        self._bus = Bus.connect(url, timeout_s=PATIENT_S)
        self._done = threading.Event()
        self._committed: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._bus.close()
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """Take and commit nothing from here on; returns when the last commit is done."""
        self._done.set()
        self.join()

    def run(self) -> None:
        try:
            self._consume()
        except BaseException as error:
            self.failure = error

    def _consume(self) -> None:
        frames, maps = FrameReader(self._bus, "consumer"), MapsReader(self._bus)
        leases = self._take_leases()
        waiting: dict[tuple[str, int], MapsDelivery] = {}
        while not self._done.is_set():
            if self.paused.is_set():
                self._done.wait(0.01)
                continue
            for delivery in frames.take(8, 0.05):
                self.frames.append(delivery.message)
                frames.skip(delivery, "stale")
            for delivery in maps.take(leases, 100, 0.01):
                waiting[delivery.message.id.camera, delivery.message.id.ticket] = delivery
            self._commit_in_order(maps, leases, waiting)

    def _commit_in_order(
        self, maps: MapsReader, leases: list[Lease], waiting: dict[tuple[str, int], MapsDelivery]
    ) -> None:
        """Commit what is next for its camera; an end comes before frames still under inference."""
        for camera, _ in sorted(waiting):
            while delivery := waiting.pop((camera, self._committed[camera] + 1), None):
                self._commit(maps, leases[delivery.partition], delivery)
                self._committed[camera] += 1

    def _take_leases(self) -> list[Lease]:
        partitions = PartitionLeases(self._bus, "consumer", ttl_s=600)
        leases = [partitions.take(p) for p in range(self._bus.partitions)]
        return [lease for lease in leases if lease is not None]

    def _commit(self, maps: MapsReader, lease: Lease, delivery: MapsDelivery) -> None:
        if isinstance(delivery.message, EndMessage):
            self.ends.append(delivery.message)
            maps.commit_end(lease, delivery, None)
        else:
            maps.commit_gap(lease, delivery, None)

    def wait_for(self, condition: Callable[[], bool], what: str, limit_s: float = 60.0) -> None:
        """Wait until `condition` holds.

        Raises:
            AssertionError: it did not within `limit_s`, or the consumer failed.
        """
        wait_until(lambda: condition() or self.failure is not None, what, limit_s=limit_s)
        if self.failure is not None:
            raise self.failure


class FakePublisher:
    """A publisher that remembers what it was given, and fails as the test says.

    `answers` yields, for each call of `publish`, an exception to raise, "full", None for yes, or
    "last" for yes with the last of the credit; after them it always says yes, or is out of credit
    after `credit` frames.
    """

    def __init__(self, *answers: Exception | str | None, credit: int | None = None) -> None:
        self.session = 7
        self.resumed_at = 0
        self.published: list[FrameInfo] = []
        self.pictures: list[EncodedPicture] = []
        self.ended: tuple[int, dict[str, int], int] | None = None
        self.end_answers: list[Exception] = []
        self.asked = self.waited = 0
        self.credit = threading.Event()
        self.credit.set()
        self._answers, self._credit = list(answers), credit

    @property
    def next_seq(self) -> int:
        return self.resumed_at + len(self.published)

    def publish(self, info: FrameInfo, picture: EncodedPicture) -> Published | Full:
        self.asked += 1
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        if len(self.published) == self._credit:
            self.credit.clear()
        if answer == "full" or not self.credit.is_set():
            return Full("0-0", "0-0")
        self.published.append(info)
        self.pictures.append(picture)
        full = Full("0-0", "0-0") if answer == "last" else None
        return Published(len(self.published) - 1, len(self.published), 0, full=full)

    def wait_for_credit(self, full: Full, timeout_s: float) -> bool:
        self.waited += 1
        return self.credit.wait(timeout_s)

    def end(self, *, frames_read: int, skipped: Mapping[str, int], clock_repairs: int = 0) -> None:
        if self.end_answers:
            raise self.end_answers.pop(0)
        assert frames_read == self.next_seq + sum(skipped.values())
        self.ended = (frames_read, dict(skipped), clock_repairs)


def command_lines() -> list[bytes]:
    """Return the command line of every process, as `ps` shows it."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            lines.append(path.read_bytes().replace(b"\0", b" "))
    return lines


def turn_clockwise(path: Path) -> None:
    """Write a quarter turn into the track header's matrix, as phones do."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    one, minus_one = (0x10000).to_bytes(4), (0xFFFF0000).to_bytes(4)
    data[matrix : matrix + 16] = b"\0\0\0\0" + one + b"\0\0\0\0" + minus_one
    # a b u c d v: (0 1; -1 0)
    data[matrix : matrix + 20] = b"\0" * 4 + one + b"\0" * 4 + minus_one + b"\0" * 4
    path.write_bytes(data)
