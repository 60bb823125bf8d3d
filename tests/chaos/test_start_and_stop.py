"""Starting in any order, stopping in order or at once, and versions that meet."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lives import lives
from traffic import CAMERA, Traffic
from waiting import wait_until

from ghostpose.bus import Bus
from ghostpose.client import PoseReader
from ghostpose.config import CameraConfig
from ghostpose.errors import ProtocolVersionError
from ghostpose.topics import META_KEY
from ingest.supervisor import run_ingest
from postprocess.loop import run_postprocess
from postprocess.store import run_store
from workers.loop import run_inference
from workers.options import WorkerOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from ghostpose.bus import EmbeddedServer

pytestmark = pytest.mark.timeout(300)

DRAINS_WITHIN_S = 30.0
"""What a role may take to stop on a machine that is busy with much else; 3 s and its work at hand
are what it gives itself."""

COMMANDS = {
    "infer": ("infer", "--engine", "stub:5"),
    "postprocess": ("postprocess",),
    "store": ("store", "--store", "sqlite:///{folder}/poses.sqlite"),
    "tail": ("tail",),
    "ingest": ("ingest", "--config", "{folder}/site.yaml"),
}
SITE = "cameras:\n- {name: other, source: 'pattern:width=64&height=48', height: 64}\n"


class Command:
    """A role as a user starts it."""

    def __init__(self, role: str, url: str, folder: Path) -> None:
        (folder / "site.yaml").write_text(SITE)
        words = [word.format(folder=folder) for word in COMMANDS[role]]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli.main", *words, "--redis", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self, times: int = 1) -> int:
        for _ in range(times):
            self.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)  # signals that come at one moment are one to Linux
        try:
            return self.process.wait(DRAINS_WITHIN_S)
        finally:
            self.process.kill()


def wait_for_role(bus: Bus, role: str, command: Command) -> None:
    """Wait until it works; of `tail`, which says nothing, until it heeds signals."""
    pid = command.process.pid
    if role == "tail":
        wait_until(lambda: heeds_sigterm(pid), "tail heeds SIGTERM")
    elif role == "ingest":  # its cameras' processes say that they live
        wait_until(lambda: role in {beat.role for beat in bus.workers()}, f"{role} works")
    else:
        wait_until(lambda: pid in {beat.pid for beat in bus.workers()}, f"{role} works")


def heeds_sigterm(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    caught = int(status.split("SigCgt:")[1].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("role", COMMANDS)
def test_sigterm_drains_each_role_within_a_bound(
    role: str, server: EmbeddedServer, tmp_path: Path
) -> None:
    """While frames go on to come: a role that waited for silence would never end."""
    with lives(server, tmp_path) as others, Traffic(server.url) as traffic:
        for other in ("inference", "postprocess"):
            others.start(other)
        command = Command(role, server.url, tmp_path)
        wait_for_role(traffic.bus, role, command)
        assert command.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_a_process_at_once_though_it_hangs(number: signal.Signals) -> None:
    script = (
        "import sys, time; from app.stopping import stop_event; stop = stop_event();"
        "print('ready', flush=True); stop.wait(); print('asked', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "asked\n"
        process.send_signal(number)
        assert process.wait(60) == -number
    finally:
        process.kill()


def test_a_child_of_a_run_is_not_hurried_by_a_second_signal() -> None:
    """A service manager signals every process of a run, and so does the run itself."""
    script = (
        "import os, sys; from app.launch import die_with_parent; die_with_parent(os.getppid());"
        "from app.stopping import stop_event; stop = stop_event();"
        "print('ready', flush=True); stop.wait(); print('asked', flush=True); sys.stdin.readline()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGTERM)
        process.communicate("\n", timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()


@pytest.mark.parametrize("role", ["infer", "postprocess", "store"])
def test_a_role_that_is_hurried_loses_nothing(
    role: str, server: EmbeddedServer, tmp_path: Path
) -> None:
    names = {"infer": "inference"}
    with lives(server, tmp_path) as others, Traffic(server.url) as traffic:
        for other in {"inference", "postprocess", "store"} - {names.get(role, role)}:
            others.start(other)
        command = Command(role, server.url, tmp_path)
        wait_for_role(traffic.bus, role, command)
        assert command.stop(times=2) in {0, -signal.SIGTERM}
        others.start(names.get(role, role))
        traffic.stop()
        wait_until(traffic.is_settled, "every frame has its outcome")
        traffic.assert_ledger_balances()
        others.assert_stored(traffic)


@pytest.mark.parametrize(
    "order",
    [
        ("store", "postprocess", "inference", "ingest"),
        ("ingest", "store", "inference", "postprocess"),
        ("ingest", "postprocess", "store", "inference"),
    ],
    ids=" ".join,
)
def test_the_order_of_starting_does_not_matter(
    order: tuple[str, ...], server: EmbeddedServer, tmp_path: Path
) -> None:
    with (
        lives(server, tmp_path) as processes,
        Bus.connect(server.url, partitions=2) as bus,
        ExitStack() as stack,
    ):
        for role in order:
            if role == "ingest":
                traffic = stack.enter_context(Traffic(server.url))
                wait_until(lambda: bus.counters(CAMERA).published > 0, "a frame is published")
            else:
                processes.start(role)
                wait_until(lambda r=role: r in {b.role for b in bus.workers()}, f"{role} works")
        wait_until(lambda: bus.counters(CAMERA).poses > 5, "poses come")
        traffic.stop()
        wait_until(traffic.is_settled, "every frame has its outcome")
        traffic.assert_ledger_balances()
        processes.assert_stored(traffic)


@pytest.mark.parametrize(
    "newer", [{"inference"}, {"postprocess"}, {"inference", "postprocess"}], ids=sorted
)
def test_older_processes_and_those_of_a_newer_minor_version_work_together(
    newer: set[str], server: EmbeddedServer, tmp_path: Path
) -> None:
    with lives(server, tmp_path) as processes, Traffic(server.url) as traffic:
        for role in ("inference", "postprocess", "store"):
            processes.start(role)
            if role in newer:
                processes.start(role, newer=True)
        wait_until(lambda: traffic.bus.counters(CAMERA).poses > 50, "poses come")
        traffic.stop()
        wait_until(traffic.is_settled, "every frame has its outcome")
        traffic.assert_ledger_balances()
        processes.assert_stored(traffic)


def start_ingest(url: str) -> object:
    camera = CameraConfig(name="hall", source="pattern:frames=1", policy="every")
    return run_ingest(url, [camera], threading.Event())


@pytest.mark.parametrize(
    "start",
    [
        start_ingest,
        lambda url: run_inference(url, WorkerOptions(engine="stub:1"), threading.Event()),
        lambda url: run_postprocess(url, threading.Event()),
        lambda url: run_store(url, "sqlite://", stop=threading.Event()),
        lambda url: PoseReader(url),
    ],
    ids=["ingest", "inference", "postprocess", "store", "reader"],
)
def test_each_role_refuses_another_major_version_and_says_why(
    start: Callable[[str], object], server: EmbeddedServer
) -> None:
    with Bus.connect(server.url) as bus:
        bus.client.hset(META_KEY, "protocol", "2.3")
    with pytest.raises(ProtocolVersionError, match=r"speaks protocol '2\.3', this program 1\.x"):
        start(server.url)
