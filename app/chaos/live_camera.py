"""A network camera of the drill's own: motion JPEG over HTTP, with a plug to pull."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, Self

import cv2

from ingest.sources.test_pattern import PatternOptions, draw, make_figures

if TYPE_CHECKING:
    from collections.abc import Sequence

PICTURES: Final = 40
"""Different pictures, sent over and over."""

_HEAD: Final = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


class LiveCamera:
    """Sends moving pictures to whoever asks, `options.fps` a second, while it is plugged in."""

    def __init__(self, options: PatternOptions) -> None:
        pictures, plugged = _pictures(options), threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if plugged.is_set():
                    _play(self, pictures, 1 / options.fps, plugged)

            def log_message(self, *_: object) -> None:
                pass

        self._plugged = plugged
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # Clients that leave are no errors.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self._server.server_port}/live.mjpg"

    def __enter__(self) -> Self:
        self.plug()
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()
        self._server.shutdown()
        self._server.server_close()

    def plug(self) -> None:
        """Answer again."""
        self._plugged.set()

    def unplug(self) -> None:
        """Close what is open within a frame, and whatever comes."""
        self._plugged.clear()


def _pictures(options: PatternOptions) -> list[bytes]:
    figures = make_figures(options)
    drawn = (draw(options, figures, number / options.fps) for number in range(PICTURES))
    return [cv2.imencode(".jpg", picture)[1].tobytes() for picture in drawn]


def _play(
    request: BaseHTTPRequestHandler,
    pictures: Sequence[bytes],
    every_s: float,
    plugged: threading.Event,
) -> None:
    request.send_response(200)
    request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
    request.end_headers()
    began_s, number = time.monotonic(), 0
    while plugged.is_set():
        data = pictures[number % len(pictures)]
        request.wfile.write(_HEAD % len(data) + data + b"\r\n")
        number += 1
        time.sleep(max(0.0, began_s + number * every_s - time.monotonic()))
