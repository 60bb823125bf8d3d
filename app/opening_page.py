"""Opening a page in the user's browser, where there is a screen to see it on."""

from __future__ import annotations

import os
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from typing import Final

ANSWERS_WITHIN_S: Final = 60.0

_POLL_S: Final = 0.2


def open_when_served(url: str) -> None:
    """Open `url` in a browser once something answers there; return at once.

    Without a screen (a server, a container) nothing is opened: who runs it has read the address.
    """
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        threading.Thread(target=_open, args=(url,), daemon=True).start()


def _open(url: str) -> None:
    until_s = time.monotonic() + ANSWERS_WITHIN_S
    while time.monotonic() < until_s:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310
                webbrowser.open(url)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(_POLL_S)
