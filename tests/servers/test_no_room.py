"""Servers, disks and readers without room: everything slows, counts, and goes on after."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from bus_servers import RealServer, valkey
from disks import mounted
from roles import make_pipeline
from waiting import PATIENT_S, wait_until
from whole import CAMERA, Whole

from app.recording import record
from app.whole_file import WholeFile
from ghostpose.bus import Bus, retention
from ghostpose.client import PoseReader
from ghostpose.codec.recording import read_recording
from ghostpose.errors import DiskError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ghostpose.bus import EmbeddedServer

MAXMEMORY_MB = 32
FRAMES = 70
FIRST = 20
"""Frames that are inferred while there is room."""
PATTERN = f"pattern:frames={FRAMES}&fps=50&width=64&height=48"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 4 MB, which needs the right to mount one."""
    with mounted(tmp_path / "disk", "4m") as folder:
        yield folder


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave no room on a disk until the end of the block."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError as error:
            assert error.errno == errno.ENOSPC
        yield
    ballast.unlink()


def refusals(bus: Bus, word: str) -> int:
    """Return how many commands the server has refused with an error of this first word."""
    found: Any = bus.client.info("errorstats").get(f"errorstat_{word}", {"count": 0})
    return int(found["count"])


@pytest.mark.parametrize("policy", ["latest", "every"])
def test_a_full_server_slows_the_whole_pipeline_and_is_recovered_from(
    policy: str, tmp_path: Path
) -> None:
    options = {"maxmemory": f"{MAXMEMORY_MB}mb", "maxmemory-policy": "noeviction"}
    loop = policy == "latest"
    with (
        RealServer(valkey(), tmp_path / "server", options) as server,
        Bus.connect(server.url, partitions=4, timeout_s=PATIENT_S) as bus,
        Whole(
            lambda _: server.url,
            tmp_path,
            hold_after=FIRST,
            source=PATTERN,
            policy=policy,
            loop=loop,
        ) as whole,
    ):
        wait_until(lambda: len(whole.poses_seen()) > 10, "poses come")
        bus.client.setrange("others", MAXMEMORY_MB * 2**20, "x")
        refused = refusals(bus, "OOM")
        whole.go_on()
        wait_until(lambda: refusals(bus, "OOM") > refused + 3, "publishing is refused")
        wait_until(lambda: bus.counters(CAMERA).in_flight == 0, "what is in flight is drained")
        drained = bus.counters(CAMERA).poses
        bus.client.delete("others")
        wait_until(lambda: bus.counters(CAMERA).poses > drained + 10, "poses come again")
        report = whole.end_camera() if loop else whole.join_camera()
        whole.assert_ledger_balances(bus, report)
    skipped = report.tally.skipped
    assert (skipped.get("full", 0) > 0) == (policy == "latest")
    if policy == "every":
        assert (report.tally.published, report.sessions) == (FRAMES, 1)


def test_a_server_whose_disk_is_full_is_waited_for_and_loses_nothing(
    small_disk: Path, tmp_path: Path
) -> None:
    options = {"appendonly": "yes", "appendfsync": "everysec", "logfile": tmp_path / "log"}
    server = RealServer(valkey(), small_disk / "server", options)
    with (
        server,
        Bus.connect(server.url, partitions=4, timeout_s=PATIENT_S) as bus,
        Whole(lambda _: server.url, tmp_path, hold_after=FIRST, source=PATTERN) as whole,
    ):
        wait_until(lambda: len(whole.poses_seen()) > 10, "poses come")
        with filled(small_disk):
            whole.go_on()
            wait_until(lambda: refusals(bus, "MISCONF") > 5, "the server refuses to write")
        report = whole.join_camera()
        whole.assert_ledger_balances(bus, report)
        assert (report.tally.published, report.sessions) == (FRAMES, 1)
        server.kill()
        server.start().wait()
        assert bus.counters(CAMERA).poses == FRAMES, "and all of it is in the file"


def test_a_database_whose_disk_is_full_is_caught_up_with(
    small_disk: Path, tmp_path: Path, server: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Bus.connect(server.url, partitions=4, timeout_s=PATIENT_S) as bus,
        Whole(lambda _: server.url, small_disk, hold_after=FIRST, source=PATTERN) as whole,
    ):
        wait_until(lambda: whole.rows("poses") > 5, "poses are stored")
        with filled(small_disk):
            whole.go_on()
            wait_until(lambda: "disk is full" in caplog.text, "the database is refused its room")
            report = whole.join_camera()
            wait_until(lambda: bus.counters(CAMERA).poses == FRAMES, "poses don't wait for it")
        whole.assert_ledger_balances(bus, report)


def test_a_slow_database_holds_nobody_up(tmp_path: Path, server: EmbeddedServer) -> None:
    with (
        Bus.connect(server.url, partitions=4, timeout_s=PATIENT_S) as bus,
        Whole(lambda _: server.url, tmp_path, hold_after=FIRST, source=PATTERN) as whole,
    ):
        wait_until(lambda: whole.rows("poses") > 5, "poses are stored")
        with closing(sqlite3.connect(whole.database, timeout=60)) as other:
            other.execute("BEGIN EXCLUSIVE")
            report = whole.join_camera()
            wait_until(lambda: bus.counters(CAMERA).poses == FRAMES, "poses don't wait for it")
            stored = other.execute("SELECT count(*) FROM poses").fetchone()[0]
            assert stored < FRAMES
        whole.assert_ledger_balances(bus, report)


def test_a_recorder_whose_disk_is_full_says_so_and_its_file_is_whole(
    small_disk: Path, tmp_path: Path, server: EmbeddedServer
) -> None:
    path = small_disk / "hall.gprec"
    with (
        Bus.connect(server.url, partitions=4, timeout_s=PATIENT_S) as bus,
        Whole(
            lambda _: server.url, tmp_path, source=PATTERN, loop=True, height=368, picture="raw"
        ) as whole,
    ):
        wait_until(lambda: len(whole.poses_seen()) > 1, "poses come")
        with pytest.raises(DiskError, match=r"hall\.gprec: can't be written .*No space left"):
            record(server.url, [CAMERA], path, threading.Event(), seconds=60, max_bytes=10**9)
        assert read_recording(path).frames
        whole.assert_ledger_balances(bus, whole.end_camera())


def test_a_message_that_does_not_fit_leaves_the_ones_before_it(tmp_path: Path) -> None:
    class Full:
        def __init__(self) -> None:
            self.held = b""

        def write(self, data: bytes) -> int:
            taken = bytes(data)[: 10 - len(self.held)]
            if not taken:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.held += taken
            return len(taken)

        def truncate(self, size: int) -> None:
            self.held = self.held[:size]

    full = Full()
    file: Any = WholeFile(full, tmp_path / "f")  # type: ignore[arg-type]
    file.append(b"123456")
    with pytest.raises(DiskError, match="after 6 bytes"):
        file.append(b"789012")
    assert full.held == b"123456"
    file.append(b"7890")
    assert file.bytes == 10


def test_a_slow_consumer_holds_nobody_up_and_counts_what_it_missed(
    bus: Bus, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "POSES_KEPT", 100)
    pipeline = make_pipeline(bus, CAMERA)
    with PoseReader(server.url, start="begin") as reader:
        assert [record.message.session for record in reader.read(1)] == [pipeline.publisher.session]
        for number in range(400):
            pipeline.publish()
            if number % 50 == 7:
                (taken,) = pipeline.frames.take(1, 1)
                pipeline.frames.skip(taken, "stale")
            else:
                pipeline.infer()
            pipeline.commit()
        pipeline.publisher.end(frames_read=400, skipped={})
        pipeline.commit()
        records = []
        while got := reader.read(0.1, count=30):
            records += got
        outcomes = sum(1 for r in records if r.message.session and _is_outcome(r))
        assert 100 <= outcomes < 400
        assert reader.missed == 400 - outcomes


def _is_outcome(record: Any) -> bool:
    return getattr(record.message, "kind", "pose") in ("pose", "gap")


def test_what_was_trimmed_before_it_was_stored_is_known_from_the_database(
    bus: Bus, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(retention, "POSES_KEPT", 100)
    pipeline = make_pipeline(bus, CAMERA)
    for _ in range(400):
        pipeline.publish()
        pipeline.infer()
        pipeline.commit()
    kept = bus.client.xlen(bus.keys.poses(CAMERA))
    pipeline.publisher.end(frames_read=400, skipped={})
    pipeline.commit()
    with Whole(lambda _: server.url, tmp_path, roles=("store",)) as whole:
        wait_until(lambda: whole.rows("poses") == kept, "all is stored")
        wait_until(lambda: whole.missing() is not None, "the session's end is stored")
        assert whole.missing() == 400 - kept
