"""A small HTTP endpoint for who watches: `/metrics`, `/healthz`, `/readyz`.

One endpoint speaks for a process and all that it starts: `ghostpose run`'s for its roles, ingest's
for its cameras. They keep their numbers in files of one folder, whose name they inherit.
"""

from __future__ import annotations

import http.server
import os
import socket
import tempfile
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ghostpose.errors import ConfigError
from ghostpose.metrics import FOLDER_VARIABLE, HEARTBEAT, TURN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SLOWEST_TURN_S: Final = 60.0
"""A main loop that hasn't come around for so long hangs."""

OLDEST_HEARTBEAT_S: Final = 10.0
"""A role whose heartbeats the server hasn't taken for so long is of no use now."""

STARTING_S: Final = 120.0
"""So long a process may take until its first turn: a network is compiled meanwhile."""

REQUEST_S: Final = 5.0
"""A client that says nothing for so long is hung up on."""


@contextmanager
def endpoint(listen: str | None, roles: Sequence[str], turns: Sequence[str] = ()) -> Iterator[None]:
    """Serve while the block runs; None: serve nothing.

    `listen` is `HOST:PORT`; ready means that the server takes the heartbeats of `roles`, healthy
    that the loops of `turns` (those of `roles` unless given) come around. To be entered before
    anything is counted.

    Raises:
        ConfigError: nothing can listen there.
    """
    if listen is None:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="ghostpose-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        server = _server(listen, _Watch(folder, tuple(roles), tuple(turns or roles)))
        thread = threading.Thread(target=server.serve_forever, name="endpoint", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
            del os.environ[FOLDER_VARIABLE]


class _Watch:
    """What an endpoint answers."""

    def __init__(self, folder: str, roles: tuple[str, ...], turns: tuple[str, ...]) -> None:
        self._folder, self._roles, self._turns = folder, roles, turns
        self._began_s = time.time()

    def answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Return status, content type and body for a path."""
        if path == "/metrics":
            from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

            return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry())
        if path == "/healthz":
            return _verdict(self._hanging())
        if path == "/readyz":
            return _verdict(self._unheard())
        return HTTPStatus.NOT_FOUND, "text/plain", b"there are /metrics, /healthz and /readyz\n"

    def _hanging(self) -> list[str]:
        """Return which loops don't come around, in words."""
        now_s, turns = time.time(), self._newest(TURN.name)
        return [
            f"{role}: its loop has not come around for {now_s - seen_s:.0f} s"
            for role in self._turns
            if (seen_s := turns.get(role, self._began_s + STARTING_S)) < now_s - SLOWEST_TURN_S
        ]

    def _unheard(self) -> list[str]:
        """Return which roles the server hears nothing of, in words."""
        now_s, beats = time.time(), self._newest(HEARTBEAT.name)
        return [
            f"{role}: the server has not heard of it lately"
            for role in self._roles
            if beats.get(role, 0.0) < now_s - OLDEST_HEARTBEAT_S
        ]

    def _newest(self, name: str) -> Mapping[str, float]:
        """Return a gauge's values by role."""
        return {
            sample.labels["role"]: sample.value
            for family in self._registry().collect()
            if family.name == name
            for sample in family.samples
        }

    def _registry(self) -> Any:
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        _forget_dead(Path(self._folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self._folder)  # type: ignore[no-untyped-call]
        return registry


def _forget_dead(folder: Path) -> None:
    """Remove what counts only as long as its process lives."""
    for path in folder.glob("gauge_live*.db"):
        pid = path.stem.rpartition("_")[2]
        if not Path("/proc", pid).exists():
            path.unlink(missing_ok=True)


def _verdict(problems: Sequence[str]) -> tuple[HTTPStatus, str, bytes]:
    status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
    return status, "text/plain", ("\n".join(problems or ["ok"]) + "\n").encode()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def _server(listen: str, watch: _Watch) -> _Server:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = REQUEST_S
        server_version, sys_version = "ghostpose", ""

        def do_GET(self) -> None:
            status, kind, body = watch.answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: somebody asks every few seconds, for a year."""

    host, _, port = listen.rpartition(":")
    try:
        _Server.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return _Server((host.strip("[]"), int(port)), Handler)
    except OSError as error:
        raise ConfigError(
            f"--metrics {listen}: can't listen there: {error.strerror or error}: choose another"
        ) from error
