"""A deployment to drill: a server that keeps its data, several processes a role, eight cameras."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

import redis
import yaml

from app.chaos.ledger import Expected
from app.chaos.link import Link
from app.chaos.live_camera import LiveCamera
from ghostpose.bus import EmbeddedServer
from ingest.sources.test_pattern import PatternOptions

if TYPE_CHECKING:
    import signal

RECORDINGS: Final = 4
LIVE_CAMERAS: Final = 4
RECORDING_FPS: Final = 10.0
LIVE_FPS: Final = 5.0
PEOPLE: Final = 3
"""In each picture, as the stub engine sees it."""

HEIGHT_PX: Final = 128
MAXMEMORY_MB: Final = 192
BUDGET_MB: Final = 96
"""Small, so that what streams keep comes to its bound within minutes."""

STOP_S: Final = 30.0
"""How long a process may take to end after SIGTERM."""

_SKEWED: Final = """
import sys, time
real, offset_s = time.time, float(sys.argv[1])
time.time = lambda: real() + offset_s
from app.cli.main import main
main(sys.argv[2:])
"""
"""The command line, by a clock that is wrong."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How many processes of each role; `stub_ms`: how long the stub engine takes for a frame."""

    ingest: int = 2
    inference: int = 2
    postprocess: int = 2
    stub_ms: float = 40.0


class Site:
    """Everything runs from entering to leaving it, dies with this process, and is in `folder`."""

    def __init__(self, folder: Path, scale: Scale) -> None:
        self.folder, self._scale = folder, scale
        self.server = EmbeddedServer(maxmemory_mb=MAXMEMORY_MB, directory=folder / "server")
        self.links: dict[str, Link] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.live: dict[str, LiveCamera] = {}
        self.expected: dict[str, Expected] = {}
        self.unstoppable: list[str] = []
        self.ended: list[tuple[str, int]] = []
        self._commands = self._name_processes()
        self._stack = ExitStack()

    def _name_processes(self) -> dict[str, tuple[str, ...]]:
        """Return each process's name and what it is called with."""
        config = ("--config", str(self.folder / "site.yaml"))
        rows = {
            "ingest": (self._scale.ingest, ("ingest", "--registry", *config)),
            "infer": (self._scale.inference, ("infer", *config)),
            "postprocess": (self._scale.postprocess, ("postprocess", *config)),
            "store": (1, ("store", "--store", f"sqlite:///{self.database}")),
        }
        return {
            f"{role}-{number}": command
            for role, (count, command) in rows.items()
            for number in range(1, count + 1)
        }

    @property
    def database(self) -> Path:
        """What the store writes."""
        return self.folder / "poses.sqlite"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.server)
            self.keep_all()
            for name in self._commands:
                way = Link(self.folder / f"{name}.sock", _socket_of(self.server))
                self.links[name] = stack.enter_context(way)
            self._log: IO[bytes] = stack.enter_context((self.folder / "log.txt").open("ab"))
            self._write_config(stack)
            stack.callback(self._kill_all)
            for name in self._commands:
                self.start(name)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def keep_all(self) -> None:
        """Have the server keep whatever it has answered, even when it is killed."""
        with redis.Redis.from_url(self.server.url) as client:
            client.config_set("appendfsync", "always")

    def _write_config(self, stack: ExitStack) -> None:
        cameras = [self._recording(number) for number in range(1, RECORDINGS + 1)]
        cameras += [self._live_camera(stack, number) for number in range(1, LIVE_CAMERAS + 1)]
        engine = f"stub:{self._scale.stub_ms:g}"
        whole = {
            "cameras": cameras,
            "redis": {"budget_mb": BUDGET_MB},
            "inference": {"engine": engine},
        }
        (self.folder / "site.yaml").write_text(yaml.safe_dump(whole))

    def _recording(self, number: int) -> dict[str, object]:
        name = f"recording-{number}"
        self.expected[name] = Expected(RECORDING_FPS, PEOPLE)
        source = f"pattern:width=256&height=192&people=3&fps={RECORDING_FPS:g}"
        return {"name": name, "source": source, "policy": "every", "height": HEIGHT_PX}

    def _live_camera(self, stack: ExitStack, number: int) -> dict[str, object]:
        name = f"live-{number}"
        self.expected[name] = Expected()
        options = PatternOptions(width=256, height=192, fps=LIVE_FPS, people=PEOPLE, seed=number)
        camera = self.live[name] = stack.enter_context(LiveCamera(options))
        return {"name": name, "source": camera.url, "height": HEIGHT_PX, "silence_s": 5}

    def start(self, name: str, skew_s: float = 0.0) -> None:
        """Start a process, with its clock wrong by so much."""
        said = ("--parent", str(os.getpid()), *self._commands[name])
        how = ("-c", _SKEWED, str(skew_s)) if skew_s else ("-m", "app.cli.main")
        command = (sys.executable, *how, *said, "--redis", self.links[name].url)
        self.processes[name] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )

    def kill(self, name: str) -> None:
        """End a process as a crash does."""
        self.processes[name].kill()
        self.processes[name].wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a process a signal."""
        self.processes[name].send_signal(number)

    def stop(self, role: str) -> dict[str, int | None]:
        """Ask the processes of a role to end; return their exit codes, None for who did not.

        Those are killed, and `unstoppable` names them.
        """
        chosen = {name: one for name, one in self.processes.items() if name.startswith(role)}
        for process in chosen.values():
            process.terminate()
        codes = {name: _ended(process) for name, process in chosen.items()}
        self.unstoppable += [name for name, code in codes.items() if code is None]
        return codes

    def tend(self) -> None:
        """Start again who ended by itself, as an orchestrator does, and note it in `ended`.

        A process that finds no server when it starts does so: its link may be cut just then.
        """
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self.ended.append((name, process.returncode))
                self.start(name)

    def _kill_all(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


def _socket_of(server: EmbeddedServer) -> Path:
    return Path(server.url.removeprefix("unix://"))


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
