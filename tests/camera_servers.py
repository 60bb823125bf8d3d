"""Servers that stand for cameras: RTSP by GStreamer, HTTP by Python, and ports that misbehave.

Everything is on loopback. `needs_rtsp` skips where Debian's GStreamer is missing.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from waiting import wait_until

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

SYSTEM_PYTHON = Path("/usr/bin/python3")
SCRIPT = Path(__file__).parent / "cameras" / "rtsp_server.py"
PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,ugly}"


@cache
def gstreamer_works() -> bool:
    """Whether `RtspServer` can be started here."""
    if not SYSTEM_PYTHON.exists():
        return False
    check = (
        "import gi; gi.require_version('GstRtspServer', '1.0');"
        "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
        "assert all(map(Gst.ElementFactory.find, ('x264enc', 'rtph264pay', 'alawenc')))"
    )
    return subprocess.run([SYSTEM_PYTHON, "-c", check], capture_output=True).returncode == 0


NO_RTSP = f"there is no RTSP server: install Debian's {PACKAGES}"

needs_rtsp = pytest.mark.skipif(not gstreamer_works(), reason=NO_RTSP)


class RtspServer:
    """A process that serves RTSP; killed and started again, it keeps its port."""

    def __init__(self, mounts: dict[str, dict[str, Any]], **options: Any) -> None:
        self._options = {"mounts": mounts, **options}
        self.port = 0
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, **options: Any) -> None:
        """Start, with the port of before and with `options` changed."""
        self._options |= {"port": self.port, **options}
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, SCRIPT, json.dumps(self._options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.communicate()

    def pause(self) -> None:
        """Stop it from doing anything, its connections open."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def url(self, path: str, user: str = "") -> str:
        return f"rtsp://{user}127.0.0.1:{self.port}{path}"


Answer = tuple[int, dict[str, str], bytes]


class HttpServer:
    """Answers by `routes`: a path to a function that gives status, headers and body.

    A function may also write as long as it likes to the request it is given, and return None. With
    a `context` it speaks TLS.
    """

    def __init__(
        self,
        routes: dict[str, Callable[[BaseHTTPRequestHandler], Answer | None]],
        context: ssl.SSLContext | None = None,
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                answer = routes.get(self.path, lambda _: (404, {}, b""))(self)
                if answer is not None:
                    status, headers, body = answer
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.asked = asked = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # clients that leave
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.url = self.url.replace("http://", "https://")
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def file_route(path: Path, kind: str) -> Callable[[BaseHTTPRequestHandler], Answer]:
    """Serve a file, in parts if it is asked so."""
    data = path.read_bytes()

    def answer(request: BaseHTTPRequestHandler) -> Answer:
        asked = request.headers.get("Range")
        if asked is None:
            return 200, {"Content-Type": kind, "Accept-Ranges": "bytes"}, data
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first), int(last or len(data) - 1)
        headers = {"Content-Type": kind, "Content-Range": f"bytes {start}-{end}/{len(data)}"}
        return 206, headers, data[start : end + 1]

    return answer


@contextmanager
def misbehaving_port(says: bytes | None) -> Iterator[int]:
    """Listen, and say `says` to everybody who comes; None: say nothing, ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                held.append(connection)
                if says is not None:
                    with suppress(OSError):  # who came has left
                        connection.sendall(says)
                        connection.shutdown(socket.SHUT_WR)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for connection in held:
                connection.close()


@contextmanager
def unused_port() -> Iterator[int]:
    """Keep a port at which nothing listens: nobody else can have it meanwhile."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


def wait_for(condition: Callable[[], bool], what: str, limit_s: float = 60.0) -> float:
    """Wait until `condition` holds; return how many seconds that took."""
    began_s = time.monotonic()
    wait_until(condition, what, limit_s)
    return time.monotonic() - began_s
