"""A whole run on this machine: server, real processes, and what comes out of them collected."""

from __future__ import annotations

import math
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.collect import Collector
from app.endpoint import endpoint
from app.launch import USER_MISTAKE, Children, ProcessDiedError
from app.outage import Outage
from app.processes import PROCESSES, ProcessRow
from app.stopping import next_signal_ends
from app.store_drain import drain_store, unstored
from app.summary import CameraTally, Summary, total
from ghostpose.bus import Bus, EmbeddedServer
from ghostpose.bus.budget import OF_MAXMEMORY, budget_for, frame_bytes
from ghostpose.client import PoseReader
from ghostpose.errors import BusUnavailableError, DiskError
from ghostpose.metrics import turned
from ghostpose.stopping import stop_signals_handled
from ingest.loop import RECORDING_OUTAGE_S
from ingest.sources import probe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from ghostpose.config import GhostposeConfig
    from ghostpose.errors import GhostposeError
    from ghostpose.types import Policy
    from ingest.sources import SourceInfo

BLOCK_S: Final = 0.2
"""How long one read waits for messages; also how soon a dead child or a signal is noticed."""

STUCK_S: Final = 60.0
"""After ingest has ended: how long nothing may come (a network may be warming up meanwhile)."""

DRAIN_S: Final = 15.0
"""The same once a signal has asked to stop."""

WIDEST: Final = 2
"""Pictures are taken to be at most so many times as wide as high."""

RAW_BYTES_A_PIXEL: Final = 3

MIN_SERVER_MB: Final = 256


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to. `cameras` keeps the order of the sources; `stopped`: before its end."""

    total: Summary
    cameras: Mapping[str, Summary]
    exit_code: int
    stopped: bool = False


@dataclass(slots=True)
class Pipeline:
    """One run of `config`. `say` gets sentences for the user, `progress` the poses so far.

    `watch` gets all counts so far, as long as nobody has asked to stop.
    """

    config: GhostposeConfig
    output: Path | None
    embedded: bool
    say: Callable[[str], None]
    progress: Callable[[Mapping[str, int]], None]
    child_options: tuple[str, ...] = ()
    watch: Callable[[Mapping[str, CameraTally]], None] = lambda _: None
    _server_pid: int | None = None
    _stopping: bool = False
    _went_wrong: bool = False

    @property
    def by_registry(self) -> bool:
        """Whether cameras come and go by the dashboard while it runs.

        Only on a server of the run's own, whose registry is new, and with cameras that don't end:
        a run of recordings is over when they are.
        """
        return self.embedded and self.config.dashboard.listen is not None and self.is_endless

    @property
    def is_endless(self) -> bool:
        """Whether no camera comes to an end by itself."""
        return all(c.policy == "latest" and (c.loop or c.reopens) for c in self.config.cameras)

    def run(self) -> RunResult:
        """Run until every source has ended or a signal asks to stop; leave no process behind.

        What goes wrong in between is said, and makes the exit code 1.

        Raises:
            ProcessDiedError: a process could not start, by the user's mistake.
            BusUnavailableError: no server answers at the configured address.
        """
        with ExitStack() as stack:
            stack.enter_context(stop_signals_handled(self._asked))
            stack.enter_context(self._endpoint())
            config = self._with_server(stack)
            bus = stack.enter_context(
                Bus.connect(config.redis.url, partitions=config.redis.partitions)
            )
            collector = stack.enter_context(Collector.open(self._policies(), self.output))
            reader = stack.enter_context(self._reader(bus))
            children = Children(self.say, self.child_options)
            try:
                self._start(children, self._write_config(stack, config))
                self._collect(children, bus, reader, collector)
            except (ProcessDiedError, DiskError) as problem:
                if problem.exit_code == USER_MISTAKE:
                    raise
                self._trouble(problem)
            else:
                self._drain_store(children, bus)
            finally:
                children.stop()
            return self._result(collector, children)

    def _endpoint(self) -> AbstractContextManager[None]:
        """Serve metrics and health of all roles together: they share the folder of numbers."""
        roles = [row.role for row in PROCESSES if self._scale(row)]
        return endpoint(self.config.metrics.listen, roles, turns=["run"])

    def _drain_store(self, children: Children, bus: Bus) -> None:
        """Stop all, the store last: only then has it everything that the others commit."""
        children.stop(but="store")
        if not children.running("store"):
            return
        names = [camera.name for camera in self.config.cameras]
        try:
            drain_store(children, lambda: unstored(bus, names))
        except (ProcessDiedError, BusUnavailableError) as problem:
            self._trouble(problem)

    def _trouble(self, problem: GhostposeError) -> None:
        """Tell what went wrong; what came until then is still summed up."""
        self._went_wrong = True
        self.say(f"ghostpose: {problem}")

    def _policies(self) -> dict[str, Policy]:
        return {camera.name: camera.policy for camera in self.config.cameras}

    def _with_server(self, stack: ExitStack) -> GhostposeConfig:
        """Start the embedded server, unless there is another; return the config with its URL."""
        if not self.embedded:
            return self.config
        server = stack.enter_context(EmbeddedServer(maxmemory_mb=server_mb(self.config)))
        self._server_pid = server.pid
        if self.is_endless:  # who watches it, or reads along, has the time to
            self.say(f"ghostpose: poses can be read at {server.url}")
        redis = self.config.redis.model_copy(update={"url": server.url})
        return self.config.model_copy(update={"redis": redis})

    def _reader(self, bus: Bus) -> PoseReader:
        """Register the cameras, so that the reader knows their streams before anything flows."""
        for camera in self.config.cameras:
            bus.register_camera(
                camera.name, policy=camera.policy, credit=camera.credit, rules=camera.rules
            )
        names = [camera.name for camera in self.config.cameras]
        return PoseReader(bus.client, names, start="now")

    def _write_config(self, stack: ExitStack, config: GhostposeConfig) -> Path:
        """Write what the children are to do: JSON, which is YAML; private, for the URL in it."""
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ghostpose-run-"))
        path = Path(folder) / "run.yaml"
        # The run's own endpoint speaks for them.
        metrics = config.metrics.model_copy(update={"listen": None})
        quiet = config.model_copy(update={"metrics": metrics})
        path.write_text(quiet.model_dump_json(), encoding="utf-8")
        return path

    def _start(self, children: Children, config_path: Path) -> None:
        arguments = ("--config", str(config_path))
        for row in PROCESSES:
            more = ("--registry",) if row.role == "ingest" and self.by_registry else ()
            children.start(row, self._scale(row), (*arguments, *more))

    def _scale(self, row: ProcessRow) -> int:
        """Return how many processes of a row this run has."""
        if row.role == "store":
            return 1 if self.config.store.url else 0
        if row.role == "jobs":
            return 0  # nobody queues anything for it
        if row.role == "mirror":
            return 1 if self.config.mirror.url else 0
        if row.role == "dashboard":
            return 1 if self.config.dashboard.listen else 0
        if row.role == "link":
            return 1 if sum(bool(camera.ground) for camera in self.config.cameras) > 1 else 0
        if row.role == "inference":
            return self.config.inference.processes
        return self.config.postprocess.processes if row.role == "postprocess" else row.scale

    def _collect(
        self, children: Children, bus: Bus, reader: PoseReader, collector: Collector
    ) -> None:
        """Read until ingest has ended, by itself or because a signal came, and all is read.

        Raises:
            ProcessDiedError: nothing comes any more, or a process can't go on.
        """
        patience, outage, told = _Patience(), Outage(self.say, self._server_pid), False
        in_flight: Mapping[str, int] | None = None
        while True:
            turned("run")
            was_in_flight, ingesting = in_flight, children.running("ingest")
            try:
                news = collector.read(reader, BLOCK_S)
                in_flight = None if ingesting else self._in_flight(bus)
                outage.over()
            except BusUnavailableError as error:
                outage.wait(error, self._outage_limit_s(ingesting=ingesting > 0))
                news, in_flight = 0, None
                patience.renew()
            self.progress({name: tally.poses for name, tally in collector.tallies.items()})
            if not self._stopping:
                self.watch(collector.tallies)
            children.check(stopping=self._stopping)
            if self._stopping and not told:
                children.terminate("ingest")
                told = True
            if was_in_flight == {} and not news:
                return  # this read came after the last commit, and brought nothing
            is_over = collector.finished and not self.by_registry
            if news or (ingesting and not self._stopping and not is_over):
                patience.renew()
            elif patience.is_over(DRAIN_S if self._stopping else STUCK_S):
                raise ProcessDiedError(_stuck(in_flight), 1)

    def _outage_limit_s(self, *, ingesting: bool) -> float:
        """Return how long to wait for a server that is away; with live cameras, as they do."""
        if self._stopping:
            return DRAIN_S
        live = ingesting and any(camera.policy == "latest" for camera in self.config.cameras)
        return math.inf if live else RECORDING_OUTAGE_S

    def _in_flight(self, bus: Bus) -> dict[str, int]:
        """Return how much of each camera was published and is not committed, if anything."""
        counts = {one.name: bus.counters(one.name).in_flight for one in self.config.cameras}
        return {name: count for name, count in counts.items() if count}

    def _asked(self, *_: object) -> None:
        """Take SIGTERM and Ctrl-C as the wish to drain, the next one to end at once.

        Then the children are told by Linux, and stop in order as far as they can without a server.
        """
        self._stopping = True
        next_signal_ends()

    def _result(self, collector: Collector, children: Children) -> RunResult:
        cameras = {name: tally.summary() for name, tally in collector.tallies.items()}
        everything = total(collector.tallies.values())
        ingest_code = next(
            (code for role, code in children.exit_codes if role == "ingest" and code), 0
        )
        code = 1 if self._went_wrong else ingest_code or (3 if everything.dead else 0)
        return RunResult(everything, cameras, code, self._stopping)


class _Patience:
    """Measures how long nothing has happened."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self._since = time.monotonic()

    def is_over(self, limit_s: float) -> bool:
        return time.monotonic() - self._since > limit_s


def _stuck(in_flight: Mapping[str, int] | None) -> str:
    if not in_flight:
        return "stopped, since ingest doesn't end although all its sources have"
    which = ", ".join(f"{name} ({count} in flight)" for name, count in in_flight.items())
    return f"stopped, since nothing more comes of {which}"


def probe_all(config: GhostposeConfig) -> dict[str, SourceInfo]:
    """Open every recording once, before anything is started.

    Live cameras come and go while everything runs: one that is away holds up no start.

    Raises:
        SourceError: the first that can't be opened, in one sentence.
    """
    return {camera.name: probe(camera) for camera in config.cameras if not camera.reopens}


def server_mb(config: GhostposeConfig) -> int:
    """Return memory enough for the budget; without one, for all that the cameras may take."""
    cameras = config.cameras
    most = max((camera.credit * _frame_bytes(camera.height) for camera in cameras), default=0)
    planned = budget_for(most * len(cameras), len(cameras), config.redis.partitions)
    if config.redis.budget_mb is not None:
        planned = config.redis.budget_mb * 10**6
    return max(MIN_SERVER_MB, math.ceil(planned / OF_MAXMEMORY / 2**20) + 1)


def _frame_bytes(height: int) -> int:
    width = WIDEST * height
    return frame_bytes(width, height, width * height * RAW_BYTES_A_PIXEL)
