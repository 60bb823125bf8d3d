"""What is seen of a drill while it runs: the consumer outside, and the memory of each process."""

from __future__ import annotations

import os
import statistics
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from app.latency import LatencyHistogram
from ghostpose.bus import Bus
from ghostpose.bus.camera_states import read_camera_states
from ghostpose.client import PoseReader, PoseRecord
from ghostpose.errors import BusUnavailableError

if TYPE_CHECKING:
    from app.chaos.ledger import Ledger
    from app.chaos.site import Site

AGAIN_S: Final = 0.2
BLOCK_S: Final = 0.25
FINDS_S: Final = 3.0
SAMPLE_S: Final = 5.0
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class _Beside(ABC):
    """Does its work in a thread of its own from `with` on, until the block ends."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @abstractmethod
    def _run(self) -> None:
        """Work until `_done` is set."""


class Consumer(_Beside):
    """Reads everything from the begin, in a thread, and enters it into the ledger.

    `newest_ms`: when the newest frame of each camera that has a pose was published, by the server's
    clock; `by_second`: how many poses each camera had in each second since `began_ms`.
    """

    def __init__(self, url: str, ledger: Ledger) -> None:
        super().__init__()
        self._url, self._ledger = url, ledger
        self.newest_ms: dict[str, int] = {}
        self.by_second: Counter[tuple[str, int]] = Counter()
        self.latency = LatencyHistogram()
        self.undecodable = 0
        self._empty_reads = 0
        self.began_ms = round(1000 * time.time())
        self.reading = threading.Lock()
        self._failure: BaseException | None = None

    def finds_nothing(self) -> bool:
        """Whether a whole read found nothing, of those that begin after this call."""
        before = self._empty_reads
        until_s = time.monotonic() + FINDS_S
        while time.monotonic() < until_s:
            if self._empty_reads >= before + 2:  # the first may have begun before
                return True
            time.sleep(BLOCK_S / 5)
        return False

    def check(self) -> None:
        """Raise what the thread failed by, if it did."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            with PoseReader(self._url, start="begin") as reader:
                while not self._done.is_set():
                    self._read(reader)
        except BaseException as failure:
            self._failure = failure

    def _read(self, reader: PoseReader) -> None:
        try:
            with self.reading:
                records = reader.read(block_s=BLOCK_S, count=1000)
                self._ledger.accept(records)
        except BusUnavailableError:
            time.sleep(AGAIN_S)
            return
        self.undecodable = reader.undecodable
        self._empty_reads += not records
        for record in records:
            if isinstance(record, PoseRecord):
                self._note(record)

    def _note(self, record: PoseRecord) -> None:
        self.newest_ms[record.camera] = record.published_ms
        self.by_second[record.camera, (record.committed_ms - self.began_ms) // 1000] += 1
        if record.camera.startswith("live"):
            self.latency.add(record.committed_ms - 1000 * record.message.captured_at)


class MemoryWatch(_Beside):
    """Samples the memory of each process, in a thread: `samples` by name and pid, (s, MB) each."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site
        self._began_s = time.monotonic()
        self.samples: defaultdict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)

    def _run(self) -> None:
        while not self._done.wait(SAMPLE_S):
            at_s = time.monotonic() - self._began_s
            pids = {name: one.pid for name, one in list(self._site.processes.items())}
            with suppress(BusUnavailableError), Bus.connect(self._site.server.url) as bus:
                states = read_camera_states(bus)
                pids |= {name: state.pid for name, state in states.items()}
                used_mb = bus.client.info("memory")["used_memory"] / 1e6
                self.samples["server", 0].append((at_s, used_mb))
            for name, pid in pids.items():
                if mb := private_mb(pid):
                    self.samples[name, pid].append((at_s, mb))

    def grown(self, since_s: float, until_s: float) -> dict[str, tuple[float, float]]:
        """Return the median MB in the minute after `since_s` and before `until_s`, by process.

        Only of processes that lived all the time.
        """
        found = {}
        for (name, _), samples in self.samples.items():
            early = [mb for at, mb in samples if since_s <= at < since_s + 60]
            late = [mb for at, mb in samples if until_s - 60 < at <= until_s]
            if early and late and samples[0][0] <= since_s + SAMPLE_S:
                found[name] = (statistics.median(early), statistics.median(late))
        return found

    def total_mb(self, since_s: float, until_s: float) -> float:
        """Return the median, over a stretch, of what all processes had together."""
        totals: defaultdict[float, float] = defaultdict(float)
        for samples in self.samples.values():
            for at, mb in samples:
                if since_s <= at < until_s:
                    totals[at] += mb
        return statistics.median(totals.values()) if totals else 0.0


def private_mb(pid: int) -> float:
    """Return a process's own memory (resident, not shared); 0 if it is gone."""
    try:
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
    except OSError:
        return 0.0
    return (resident - shared) * _PAGE_BYTES / 1e6
