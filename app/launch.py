"""Children of `ghostpose run`: started, watched, started again, drained, and never left behind.

Children run in sessions of their own, so that Ctrl-C reaches only the parent, which then drains
them in order. Each is told its parent's process id and dies with it (`die_with_parent`), so even a
killed parent leaves nothing running.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Final

from ghostpose.errors import GhostposeError
from ghostpose.stopping import stop_signals_held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from app.processes import ProcessRow, Role

TERM_GRACE_S: Final = 10.0
"""How long a child may take to drain after SIGTERM before it is killed."""

USER_MISTAKE: Final = 2
"""Exit code of a child that could not start because of what the user gave: no use in retrying."""

SAID_KEPT: Final = 256
"""Lines of children that are remembered, so that they are not said twice."""

_PR_SET_PDEATHSIG: Final = 1


class ProcessDiedError(GhostposeError):
    """A process of the run ended that may not be started again.

    `exit_code` is the run's; the text is empty when the process has told the user itself.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def die_with_parent(parent_pid: int) -> None:
    """Have Linux send this process SIGTERM when process `parent_pid` ends, or exit if it has.

    It sends one as each thread of the parent ends: several at nearly the same moment.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        sys.exit(0)


def forbid_core_dumps() -> None:
    """Have this process and its children leave no memory on disk when they crash: it has pictures.

    A limit of one byte, not of none: none would still hand the memory to a program that collects
    dumps, where the machine has one (core(5)).
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    limit = 1 if hard == resource.RLIM_INFINITY else min(1, hard)
    resource.setrlimit(resource.RLIMIT_CORE, (limit, hard))


@dataclass(slots=True)
class Child:
    """One running process of the table. `number` counts those of a role from 1."""

    row: ProcessRow
    number: int
    arguments: tuple[str, ...]
    process: subprocess.Popen[str]
    starts: int = 1
    forwarder: threading.Thread | None = None

    @property
    def name(self) -> str:
        """For people: `inference 2`."""
        return f"{self.row.role} {self.number}"


@dataclass(slots=True)
class Children:
    """The processes of one run. `say` gets each line that a child writes to stderr, once."""

    say: Callable[[str], None]
    options: tuple[str, ...] = ()
    children: list[Child] = field(default_factory=list)
    exit_codes: list[tuple[Role, int]] = field(default_factory=list)
    _said: deque[str] = field(default_factory=lambda: deque(maxlen=SAID_KEPT))
    _hushed: bool = False

    def start(self, row: ProcessRow, count: int, arguments: Sequence[str]) -> None:
        """Start `count` processes of a row with `arguments` after its subcommand."""
        for number in range(1, count + 1):
            child = Child(row, number, tuple(arguments), self._spawn(row, arguments))
            self._forward(child)
            self.children.append(child)

    def _spawn(self, row: ProcessRow, arguments: Iterable[str]) -> subprocess.Popen[str]:
        module = (sys.executable, "-m", "app.cli.main", "--parent", str(os.getpid()))
        # The child takes the hold over: a SIGTERM that comes while it still imports waits until it
        # can drain, see `stop_event`.
        with stop_signals_held():
            return subprocess.Popen(
                [*module, *self.options, row.command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )

    def _forward(self, child: Child) -> None:
        lines = child.process.stderr
        assert lines is not None
        child.forwarder = threading.Thread(target=self._pass_on, args=(lines,), daemon=True)
        child.forwarder.start()

    def _pass_on(self, lines: IO[str]) -> None:
        """Say a child's lines; what several children say in the same words is said once."""
        with lines:
            for line in lines:
                text = line.rstrip("\n")
                if text not in self._said and not self._hushed:
                    self._said.append(text)
                    self.say(text)

    def check(self, *, stopping: bool = False) -> None:
        """See who has ended: forget ingest that ended well, start the others again.

        Nobody but this run asks a worker to end: one that was stopped from outside is missed, too,
        unless the whole run is `stopping`.

        Raises:
            ProcessDiedError: one ended that may not be started again, or too often.
        """
        for child in [child for child in self.children if child.process.poll() is not None]:
            code = child.process.returncode
            ingest = child.row.role == "ingest"
            if (code >= 0 and ingest) or (code == 0 and stopping):
                # Ingest has told what was wrong with a source; what others gave is still coming.
                self._forget(child, code)
            elif code != USER_MISTAKE and child.starts <= child.row.restarts_in_run:
                self._restart(child, code)
            else:
                self._forget(child, code)
                self._hushed = True  # what the others say while they are stopped only follows
                raise _died(child, code)

    def _forget(self, child: Child, code: int) -> None:
        if child.forwarder:
            child.forwarder.join()
        self.exit_codes.append((child.row.role, code))
        self.children.remove(child)

    def _restart(self, child: Child, code: int) -> None:
        self.say(f"ghostpose: {child.name} ended with {_reason(code)}; started again")
        child.process = self._spawn(child.row, child.arguments)
        child.starts += 1
        self._forward(child)

    def running(self, role: Role) -> int:
        """Return how many processes of `role` run."""
        return sum(child.row.role == role for child in self.children)

    def terminate(self, role: Role) -> None:
        """Ask the processes of `role` to drain; don't wait."""
        for child in self.children:
            if child.row.role == role and child.process.poll() is None:
                child.process.terminate()

    def alive(self, role: Role) -> bool:
        """Whether a process of `role` has not ended yet."""
        return any(c.row.role == role and c.process.poll() is None for c in self.children)

    def stop(self, grace_s: float = TERM_GRACE_S, *, but: Role | None = None) -> None:
        """Drain what still runs, kill what doesn't end within `grace_s`, and wait for all.

        Processes of the role `but` go on.
        """
        chosen = [child for child in self.children if child.row.role != but]
        for child in chosen:
            if child.process.poll() is None:
                child.process.terminate()
        until = time.monotonic() + grace_s
        for child in chosen:
            self._forget(child, _wait(child.process, until))


def _wait(process: subprocess.Popen[str], until: float) -> int:
    try:
        return process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _died(child: Child, code: int) -> ProcessDiedError:
    if code == USER_MISTAKE:
        return ProcessDiedError("", USER_MISTAKE)  # its own sentence has been passed on
    times = f" for the {child.starts}th time" if child.starts > 1 else ""
    return ProcessDiedError(f"stopped, since {child.name} ended with {_reason(code)}{times}", 1)


def _reason(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
