"""The dashboard as a process: its tokens read, its socket open, served until it is to stop."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn

from app.dashboard import feed, overview
from app.dashboard.connections import PromptConnection
from app.dashboard.listen import Listen, open_listener, parse_listen
from app.dashboard.tokens import VARIABLE, parse_tokens
from app.dashboard.web import make_app
from ghostpose.bus import Bus
from ghostpose.bus.heartbeats import Heartbeats, worker_name
from ghostpose.dashboard import DEFAULT_LISTEN
from ghostpose.errors import ConfigError, GhostposeError

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp

    from app.dashboard.tokens import Token
    from ghostpose.dashboard import DashboardConfig

ROLE: Final = "dashboard"

LOOPS: Final = (overview.LOOP, feed.LOOP)
"""What has to come around for the process to be healthy."""

MAX_CONNECTIONS: Final = 256
"""More at once are answered with 503."""

MAX_SOCKET_MESSAGE_BYTES: Final = 16 * 2**10

MAX_HEADER_BYTES: Final = 16 * 2**10

STOP_S: Final = 3
"""How long answers in hand may take when it is to stop."""


def run_dashboard(
    bus_url: str,
    config: DashboardConfig,
    stop: threading.Event,
    *,
    jobs_url: str,
    store_url: str | None = None,
) -> None:
    """Serve the dashboard of the deployment at `bus_url` until `stop`.

    `jobs_url` is the server of the queue of jobs, `store_url` the database, if there is one.

    Raises:
        ConfigError: it can't listen there, a token is none, or it would be open to others.
        BusUnavailableError: no server answers at `bus_url` now. Later outages are waited for.
    """
    tokens = read_tokens(config)
    listen = checked_listen(config, is_open=not tokens)
    with (
        Bus.connect(bus_url) as bus,
        open_listener(listen) as listener,
        Heartbeats(bus, ROLE, worker_name(ROLE), dict),
    ):
        host, port = listener.getsockname()[:2]
        scheme = "https" if config.certificate else "http"
        say(f"the dashboard is at {scheme}://{Listen(host, port)}/")
        app = make_app(
            bus, tokens, jobs_url=jobs_url, store_url=store_url, references=config.references
        )
        with served(app, listener, config) as thread:
            while thread.is_alive() and not stop.wait(0.5):
                pass
            if not stop.is_set():
                raise GhostposeError("dashboard: its web server ended by itself; see the log")


@contextmanager
def served(
    app: ASGIApp, listener: socket.socket, config: DashboardConfig
) -> Iterator[threading.Thread]:
    """Serve an application in a thread meanwhile, which is yielded; answers in hand are given."""
    server = uvicorn.Server(_settings(app, config))
    thread = threading.Thread(target=server.run, args=([listener],), name="web")
    thread.start()
    try:
        yield thread
    finally:
        server.should_exit = True
        thread.join()


def read_tokens(config: DashboardConfig) -> dict[str, Token]:
    """Return the tokens of the file or of the environment; none if neither is given.

    Raises:
        ConfigError: they can't be read, a line is none, or there is not one in the file.
    """
    if config.tokens is None:
        return parse_tokens(os.environ.get(VARIABLE, ""), VARIABLE)
    try:
        text = config.tokens.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"dashboard: tokens {config.tokens} can't be read: {reason}") from error
    tokens = parse_tokens(text, f"dashboard: tokens {config.tokens}")
    if not tokens:
        raise ConfigError(f"dashboard: there is no token in {config.tokens}")
    return tokens


def checked_listen(config: DashboardConfig, *, is_open: bool) -> Listen:
    """Return where to listen.

    Raises:
        ConfigError: others would come in without a token, or a certificate can't be read.
    """
    listen = parse_listen(config.listen or DEFAULT_LISTEN)
    if is_open and not listen.is_loopback:
        raise ConfigError(
            f"dashboard: without a token it listens to this machine only, and {listen} is open to"
            " others: make a token by ghostpose dashboard-token, or listen at 127.0.0.1"
        )
    for path in (config.certificate, config.key):
        if path is not None and not os.access(path, os.R_OK):
            raise ConfigError(f"dashboard: {path} can't be read")
    return listen


def say(sentence: str) -> None:
    """Tell the user on stderr, where `ghostpose run` hears it, too."""
    sys.stderr.write(f"ghostpose: {sentence}\n")
    sys.stderr.flush()


def _settings(app: ASGIApp, config: DashboardConfig) -> uvicorn.Config:
    def name(path: Path | None) -> str | None:
        return None if path is None else str(path)

    return uvicorn.Config(
        app,
        http=PromptConnection,
        log_config=None,  # logs go where all of ours go
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=MAX_SOCKET_MESSAGE_BYTES,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=STOP_S,
        ssl_certfile=name(config.certificate),
        ssl_keyfile=name(config.key),
    )
